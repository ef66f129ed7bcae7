"""Rooms of a case's own on the shared servers: makes them, says what lies in them, takes them away.

Spoken in the makers' own clients, so that what is counted here is what any other program would find.
"""

import hashlib
import json
import sys
import urllib.parse
import urllib.request


def s3(endpoint):
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="reelmill",
        aws_secret_access_key="reelmill-secret",
    )


def s3_keys(client, bucket):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def s3_list(endpoint, bucket):
    client = s3(endpoint)
    uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return s3_keys(client, bucket) + ["unfinished " + upload["Key"] for upload in uploads]


def s3_make(endpoint, bucket):
    s3(endpoint).create_bucket(Bucket=bucket)


def s3_drop(endpoint, bucket):
    client = s3(endpoint)
    for key in s3_keys(client, bucket):
        client.delete_object(Bucket=bucket, Key=key)
    client.delete_bucket(Bucket=bucket)


def gcs_call(endpoint, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(endpoint + "/storage/v1" + path, data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else {}


def gcs_make(endpoint, bucket):
    gcs_call(endpoint, "POST", "/b?project=reelmill", {"name": bucket})


def gcs_list(endpoint, bucket):
    return [item["name"] for item in gcs_call(endpoint, "GET", f"/b/{bucket}/o").get("items", [])]


def gcs_drop(endpoint, bucket):
    for name in gcs_list(endpoint, bucket):
        gcs_call(endpoint, "DELETE", f"/b/{bucket}/o/{urllib.parse.quote(name, safe='')}")
    gcs_call(endpoint, "DELETE", f"/b/{bucket}")


def gridfs_list(url, videos, mp3s):
    import pymongo

    client = pymongo.MongoClient(url)
    found = []
    for database in (videos, mp3s):
        files = {file["_id"]: file["filename"] for file in client[database]["fs.files"].find()}
        found += files.values()
        owners = {chunk["files_id"] for chunk in client[database]["fs.chunks"].find({}, {"files_id": 1})}
        found += [f"chunks of nothing in {database}: {owner}" for owner in owners - files.keys()]
    return found


def gridfs_drop(url, videos, mp3s):
    import pymongo

    client = pymongo.MongoClient(url)
    for database in (videos, mp3s):
        client.drop_database(database)


def gridfs_read(url, database, fid):
    """What the original notification's readers do: open a result by its file id."""
    import gridfs
    import pymongo
    from bson import ObjectId

    stored = gridfs.GridFS(pymongo.MongoClient(url)[database]).get(ObjectId(fid))
    return {"filename": stored.filename, "sha256": hashlib.sha256(stored.read()).hexdigest()}


def queue_take(url, queue):
    """The next message of a queue, taken as another program takes it."""
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    for method, properties, body in channel.consume(queue, inactivity_timeout=60):
        if method is None:
            raise SystemExit("no message within a minute")
        channel.basic_ack(method.delivery_tag)
        connection.close()
        return {"body": json.loads(body), "delivery_mode": properties.delivery_mode}


def queue_put(url, queue, body):
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("", queue, body.encode(), pika.BasicProperties(delivery_mode=2))
    connection.close()


def queue_drop(url, *queues):
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    for queue in queues:
        channel.queue_delete(queue)
    connection.close()


def dynamodb(endpoint):
    import boto3

    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="reelmill",
        aws_secret_access_key="reelmill-secret",
    )


def song(endpoint, table, store):
    """The one song of the library as the bot's contract lays it out, and what lies where it says."""
    items = dynamodb(endpoint).scan(TableName=table)["Items"]
    songs = [item for item in items if item["PK"]["S"].startswith("METADATA#")]
    assert len(songs) == 1 and songs[0]["PK"] == songs[0]["SK"], songs
    fields = {name: value.get("S") for name, value in songs[0].items()}
    bucket, key = urllib.parse.unquote(fields["URLS3"]).removeprefix("s3://").split("/", 1)
    head = s3(store).get_object(Bucket=bucket, Key=key, Range="bytes=0-3")["Body"].read()
    return {"title": fields["Title"], "platform": fields["Platform"], "magic": head.decode()}


def operation(endpoint, table, operation_id, song_id):
    key = {"PK": {"S": "OPERATION#" + operation_id}, "SK": {"S": song_id}}
    item = dynamodb(endpoint).get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    return {name: next(iter(value.values())) for name, value in item.items()}


def dynamodb_drop(endpoint, *tables):
    client = dynamodb(endpoint)
    for table in tables:
        client.delete_table(TableName=table)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
