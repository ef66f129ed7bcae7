"""Publishes a video as the video site's backend does, all by gRPC: upload, details, picture, lists, download.

    pip install -r requirements.txt
    python publish.py film.mp4 [picture.png] [--server 127.0.0.1:8080] [--owner NUMBER]

On the server's own machine --owner says whose video it will be (the account's number); from elsewhere, set
REELMILL_TOKEN to a token or an API key, and the video is its owner's. The uuid of the video is the last line printed.
"""

import argparse
import os
import pathlib
import sys

import grpc

PROTOS = pathlib.Path(__file__).resolve().parents[2] / "crates/server/proto"
PIECE_BYTES = 1_000_000

sys.path.insert(0, str(PROTOS))
# grpcio-tools makes the classes from the protos while they are imported.
video, video_services = grpc.protos_and_services("s3video.proto")
image, image_services = grpc.protos_and_services("s3image.proto")
health, health_services = grpc.protos_and_services("healthcheck.proto")


def pieces(path, owner):
    """The file in messages of 1 MB, each saying whose it is and how large."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield video.VideoUpoadRequest(data=piece, size=size, id=owner)


def download(videos, name, size, metadata):
    """The file again, part by part; both ends of a part are in it."""
    for start in range(0, size, PIECE_BYTES):
        end = start + PIECE_BYTES - 1
        wish = video.VideoDownloadRequest(name=name, startbytes=start, endbytes=end)
        yield videos.VideoDownload(wish, metadata=metadata).data


def publish(channel, arguments, metadata):
    videos = video_services.VideotransporterStub(channel)
    images = image_services.ImagetransporterStub(channel)

    serving = health_services.HealthStub(channel).Check(health.HealthCheckRequest())
    assert serving.status == health.HealthCheckResponse.SERVING, serving

    uuid = videos.VideoUpload(pieces(arguments.film, arguments.owner), metadata=metadata).newname
    print("uploaded", uuid)

    extension = arguments.picture.suffix.lstrip(".") if arguments.picture else ""
    details = video.VideoDeteilUpoadRequest(
        video_uuid=uuid,
        title=arguments.film.stem,
        explain="sent by examples/video-site",
        tags=["example"],
        category="examples",
        extension=extension,
    )
    expected = videos.VideoDeteilUpload(details, metadata=metadata).uuid
    if arguments.picture:
        name = f"{expected}.{extension}"
        sent = image.ImageUpoadRequest(image=arguments.picture.read_bytes(), name=name)
        print("picture:", images.ImageUpload(sent, metadata=metadata).message)
        small = image.ImageDownloadRequest(name=name, isresize=True, rewidth=64)
        print("64 pixels across:", len(images.ImageDownload(small).image), "bytes")

    newest = videos.VideoHomeList(video.Empty()).videohomelistobjects[0]
    assert newest.uuid == uuid, newest
    one = videos.VideoOne(video.VideoOneRequest(uuid=uuid))
    assert [entry.id for entry in videos.VideoList(video.Empty()).videolistobject if entry.id == one.id]
    print(f"listed as number {one.id}: {one.title}, {newest.size} bytes")

    original = arguments.film.read_bytes()
    again = b"".join(download(videos, f"{uuid}.mp4", newest.size, metadata))
    assert again == original, f"{len(again)} bytes came back, {len(original)} were sent"
    print("downloaded, and the same")
    print(uuid)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=pathlib.Path)
    parser.add_argument("picture", type=pathlib.Path, nargs="?")
    parser.add_argument("--server", default="127.0.0.1:8080")
    parser.add_argument("--owner", type=int, default=0)
    arguments = parser.parse_args()
    token = os.environ.get("REELMILL_TOKEN")
    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(arguments.server) as channel:
        try:
            publish(channel, arguments, metadata)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
