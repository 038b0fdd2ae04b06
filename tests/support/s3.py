"""A private S3 server that tells keys apart: moto's, as a real process."""

import json
import os
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from diagnosis.demo.processes import Child, free_port
from diagnosis.demo.trial import answers

BUCKET = "nevus-pictures"
# user, policy, key, bucket: made before the server begins to ask who calls
CALLS_BEFORE_AUTHENTICATION = 4
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}


class S3Server:
    """One server with one bucket and one key that may use it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nevus-s3-"))
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.server = Child(
            "S3 server",
            [
                Path(sys.executable).with_name("moto_server"),
                "-H",
                "127.0.0.1",
                "-p",
                str(self.port),
            ],
            log=self.folder / "log",
            env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(CALLS_BEFORE_AUTHENTICATION)},
        )
        self.server.wait_until(lambda: answers(f"{self.endpoint}/moto-api/"), seconds=60)
        self._make_key_and_bucket()

    def stop(self) -> None:
        if hasattr(self, "server"):
            self.server.stop()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, service: str = "s3", **keys: str):
        keys = keys or {
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
        }
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name="us-east-1", config=config, **keys
        )

    def held(self) -> list[str]:
        """Everything that the bucket holds."""
        found = self.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [entry["Key"] for entry in found]

    def variables(self) -> dict[str, str]:
        """What an operator sets to use the bucket."""
        return {
            "NEVUS_S3_BUCKET": BUCKET,
            "NEVUS_S3_ENDPOINT": self.endpoint,
            "NEVUS_S3_ACCESS_KEY": self.access_key,
            "NEVUS_S3_SECRET_KEY": self.secret_key,
        }

    def _make_key_and_bucket(self) -> None:
        nobody = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nothing"}
        iam = self.client("iam", **nobody)
        iam.create_user(UserName="nevus")
        iam.put_user_policy(
            UserName="nevus", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING)
        )
        key = iam.create_access_key(UserName="nevus")["AccessKey"]
        self.access_key, self.secret_key = key["AccessKeyId"], key["SecretAccessKey"]
        self.client("s3", **nobody).create_bucket(Bucket=BUCKET)

    def without_authentication(self) -> "Unauthenticated":
        """moto cannot check signed addresses while it checks keys; a browser comes in between."""
        return Unauthenticated(self.endpoint)

    def forbid(self, prefix: str) -> None:
        """Take away the right to write below this prefix."""
        own = f"arn:aws:s3:::{BUCKET}/{prefix}"
        refusal = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"{own}*"}
        self._set_policy([EVERYTHING["Statement"], refusal])

    def allow_everything(self) -> None:
        self._set_policy([EVERYTHING["Statement"]])

    def _set_policy(self, statements: list[object]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.client("iam").put_user_policy(
            UserName="nevus", PolicyName="all", PolicyDocument=document
        )


class Unauthenticated:
    """Inside, the server asks nobody who calls."""

    def __init__(self, endpoint: str) -> None:
        self.address = f"{endpoint}/moto-api/reset-auth"

    def __enter__(self) -> None:
        self.set("1000")

    def __exit__(self, *_exception: object) -> None:
        self.set("0")

    def set(self, calls: str) -> None:
        request = urllib.request.Request(
            self.address, data=calls.encode(), headers={"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request, timeout=10).close()
