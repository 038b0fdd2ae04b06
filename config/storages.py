"""Where pictures are kept: a folder, or a bucket of an S3 server."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment

CONNECT_SECONDS = 3
READ_SECONDS = 10
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Bucket:
    """One bucket and how it is reached. Without keys, the role of the machine is used."""

    name: str
    region: str
    endpoint: str
    access_key: str
    secret_key: str
    # "AES256" (keys of the server) or "aws:kms" (a key of the hospital); empty: none
    encryption: str
    kms_key: str
    # how long a signed address works; 0: pictures go through the application
    url_seconds: int

    @property
    def signs(self) -> bool:
        return self.url_seconds > 0

    @property
    def origin(self) -> str:
        """Scheme and host of signed addresses, for the content security policy."""
        if self.endpoint:
            parts = urlsplit(self.endpoint)
            return f"{parts.scheme}://{parts.netloc}"
        return f"https://{self.name}.s3.{self.region}.amazonaws.com"


def read_bucket(env: Environment) -> Bucket | None:
    """The bucket that the environment names, if it names one."""
    name = env.text("NEVUS_S3_BUCKET")
    if not name:
        return None
    found = Bucket(
        name=name,
        region=env.text("NEVUS_S3_REGION", "us-east-1"),
        endpoint=env.text("NEVUS_S3_ENDPOINT"),
        access_key=env.secret("NEVUS_S3_ACCESS_KEY"),
        secret_key=env.secret("NEVUS_S3_SECRET_KEY"),
        encryption=env.choice("NEVUS_S3_ENCRYPTION", "AES256", among=("AES256", "aws:kms", "none")),
        kms_key=env.text("NEVUS_S3_KMS_KEY"),
        url_seconds=env.integer("NEVUS_S3_URL_SECONDS", 60, least=0),
    )
    check(found)
    return found


def check(bucket: Bucket) -> None:
    if bool(bucket.access_key) != bool(bucket.secret_key):
        lacks = "NEVUS_S3_SECRET_KEY" if bucket.access_key else "NEVUS_S3_ACCESS_KEY"
        raise ImproperlyConfigured(
            f"Set {lacks} too, or neither key where the machine has a role of its own."
        )
    if bucket.endpoint and urlsplit(bucket.endpoint).scheme not in ("http", "https"):
        raise ImproperlyConfigured(
            f"NEVUS_S3_ENDPOINT is {bucket.endpoint!r}: begin it with https://."
        )


def folder(location: str) -> dict[str, Any]:
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": location, "base_url": None},
    }


def bucket(bucket: Bucket) -> dict[str, Any]:
    """The settings of django-storages, which is imported only where a bucket is used."""
    import boto3.s3.transfer
    import botocore.config

    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket.name,
            "access_key": bucket.access_key or None,
            "secret_key": bucket.secret_key or None,
            "endpoint_url": bucket.endpoint or f"https://s3.{bucket.region}.amazonaws.com",
            "region_name": bucket.region,
            "object_parameters": object_parameters(bucket),
            "default_acl": None,
            "querystring_auth": True,
            "querystring_expire": bucket.url_seconds,
            "file_overwrite": True,
            "client_config": botocore.config.Config(
                signature_version="s3v4",
                # one name for all buckets of an own server, one for each at Amazon
                s3={"addressing_style": "path" if bucket.endpoint else "virtual"},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": 2},
            ),
            # whole objects: the checksum of an object in parts is not that of its bytes
            "transfer_config": boto3.s3.transfer.TransferConfig(
                multipart_threshold=1024 * MEBIBYTE, use_threads=False
            ),
        },
    }


def object_parameters(bucket: Bucket) -> dict[str, str]:
    """What is said with every object: how it is encrypted, and to keep the hash of its bytes."""
    found = {"ChecksumAlgorithm": "SHA256", "CacheControl": "private, no-cache"}
    if bucket.encryption != "none":
        found["ServerSideEncryption"] = bucket.encryption
    if bucket.kms_key:
        found["SSEKMSKeyId"] = bucket.kms_key
    return found
