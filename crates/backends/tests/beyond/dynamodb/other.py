"""Another program at the music bot's tables: reads and writes them with boto3, as the contract lays them out.

Takes the endpoint as its argument and a list of orders as JSON on standard input; prints a list of answers.
"""

import json
import sys

import boto3


def plain(value):
    """DynamoDB's numbers are decimals, which JSON has no word for."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (bool, str)) or value is None:
        return value
    if hasattr(value, "to_integral_value"):
        return int(value)
    return str(value)


def main():
    server = boto3.resource(
        "dynamodb",
        endpoint_url=sys.argv[1],
        region_name="us-east-1",
        aws_access_key_id="reelmill",
        aws_secret_access_key="reelmill-secret",
    )
    answers = []
    for order in json.load(sys.stdin):
        if order["do"] == "get":
            got = server.Table(order["table"]).get_item(Key=order["key"], ConsistentRead=True)
            answers.append(plain(got.get("Item")))
        elif order["do"] == "put":
            server.Table(order["table"]).put_item(Item=order["item"])
            answers.append(None)
        elif order["do"] == "delete":
            server.Table(order["table"]).delete_item(Key=order["key"])
            answers.append(None)
        elif order["do"] == "create":
            server.create_table(
                TableName=order["table"],
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": order["hash"], "AttributeType": "S"}],
                KeySchema=[{"AttributeName": order["hash"], "KeyType": "HASH"}],
            ).wait_until_exists()
            answers.append(None)
    json.dump(answers, sys.stdout)


main()
