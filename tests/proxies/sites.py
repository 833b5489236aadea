"""The names under which the guide's files serve, and the page that may post to the bucket."""

STORAGE_SITE = "oss.example.com"
BUCKET = "photos"
BUCKET_SITE = f"{BUCKET}.{STORAGE_SITE}"
CONSOLE_SITE = "upcall-admin.example.com"
APPLICATION_SITE = "localhost"
PAGE = "https://www.example.com"
