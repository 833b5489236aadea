//! The protocol's error table: code, HTTP status, EC and message, one constant a row, in
//! alphabetical order of the code.

/// One row of the table. `ec` is the row's usual EC; a refusal may put a more exact one in its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WireError {
    /// `Code` in the XML.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// `Message` in the XML, unless the refusal has one of its own.
    pub message: &'static str,
    /// `EC` in the XML and header `x-oss-ec`, where OSS documents one.
    pub ec: Option<&'static str>,
}

macro_rules! rows {
    ($($name:ident = $status:literal $code:literal $ec:expr, $message:literal;)*) => {
        impl WireError {
            $(
                #[doc = concat!("`", $code, "`, HTTP ", stringify!($status), ".")]
                pub const $name: Self =
                    Self { code: $code, status: $status, message: $message, ec: $ec };
            )*

            /// Every row, in the order of this page.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

rows! {
    ACCESS_DENIED = 403 "AccessDenied" Some("0003-00000001"), "AccessDenied";
    ACCESS_FORBIDDEN = 403 "AccessForbidden" None, "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Requet-Headers are not whitelisted by the resource's CORS spec.";
    BAD_REQUEST = 400 "BadRequest" None, "Bad Request";
    BUCKET_ALREADY_EXISTS = 409 "BucketAlreadyExists" Some("0015-00000104"), "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.";
    BUCKET_NOT_EMPTY = 409 "BucketNotEmpty" Some("0015-00000301"), "The bucket you tried to delete is not empty.";
    CALLBACK_FAILED = 203 "CallbackFailed" Some("0007-00000203"), "Callback to application server failed, please check your callbackUrl.";
    CALLBACK_PENDING = 202 "CallbackPending" None, "The object becomes visible when the application server agrees.";
    CORS_RULE_BEYOND_LIMIT = 400 "CORSRuleBeyondLimit" None, "The CORS Rules num is beyond limit.";
    ENTITY_TOO_LARGE = 400 "EntityTooLarge" Some("0006-00000003"), "Your proposed upload exceeds the maximum allowed size.";
    ENTITY_TOO_SMALL = 400 "EntityTooSmall" Some("0006-00000004"), "Your proposed upload smaller than the minimum allowed size.";
    FIELD_ITEM_TOO_LONG = 400 "FieldItemTooLong" Some("0006-00000110"), "Your name of form field is too long.";
    FILE_ALREADY_EXISTS = 409 "FileAlreadyExists" None, "The object you specified already exists and can not be overwritten.";
    FILE_IMMUTABLE = 409 "FileImmutable" None, "The object you specified is immutable.";
    INCOMPLETE_BODY = 400 "IncompleteBody" None, "You did not provide the number of bytes specified by the Content-Length HTTP header.";
    INCORRECT_NUMBER_OF_FILES = 400 "IncorrectNumberOfFilesInPOSTRequest" None, "POST requires exactly one file upload per request.";
    INTERNAL_ERROR = 500 "InternalError" None, "Please contact the server administrator, oss@service.aliyun.com.";
    INVALID_ACCESS_KEY_ID = 403 "InvalidAccessKeyId" Some("0002-00000902"), "The OSS Access Key Id you provided does not exist in our records.";
    INVALID_ARGUMENT = 400 "InvalidArgument" None, "Invalid Argument.";
    INVALID_BUCKET_NAME = 400 "InvalidBucketName" None, "The specified bucket is not valid.";
    INVALID_DIGEST = 400 "InvalidDigest" None, "The Content-MD5 you specified was invalid.";
    INVALID_ENCRYPTION_ALGORITHM = 400 "InvalidEncryptionAlgorithmError" None, "The encryption algorithm specified is not valid.";
    INVALID_OBJECT_NAME = 400 "InvalidObjectName" None, "The specified object is not valid.";
    INVALID_POLICY_DOCUMENT = 400 "InvalidPolicyDocument" Some("0006-00000201"), "Invalid Policy: Invalid policy document.";
    INVALID_RANGE = 416 "InvalidRange" None, "The requested range cannot be satisfied.";
    INVALID_SECURITY_TOKEN = 403 "InvalidSecurityToken" None, "The security token you provided is invalid.";
    MALFORMED_POST_REQUEST = 400 "MalformedPOSTRequest" Some("0006-00000104"), "The body of your POST request is not well-formed multipart/form-data.";
    MALFORMED_XML = 400 "MalformedXML" None, "The XML you provided was not well-formed or did not validate against our published schema.";
    MAX_POST_PRE_DATA_LENGTH_EXCEEDED = 400 "MaxPOSTPreDataLengthExceededError" Some("0006-00000112"), "Your POST request fields preceding the upload file were too large.";
    METHOD_NOT_ALLOWED = 405 "MethodNotAllowed" Some("0003-00000016"), "The specified method is not allowed against this resource.";
    MISSING_ARGUMENT = 400 "MissingArgument" Some("0016-00000502"), "Missing Some Required Arguments.";
    MISSING_CONTENT_LENGTH = 411 "MissingContentLength" None, "You must provide the Content-Length HTTP header.";
    NO_SUCH_BUCKET = 404 "NoSuchBucket" Some("0015-00000101"), "The specified bucket does not exist.";
    NO_SUCH_CORS_CONFIGURATION = 404 "NoSuchCORSConfiguration" Some("0034-00000001"), "The CORS Configuration does not exist.";
    NO_SUCH_KEY = 404 "NoSuchKey" Some("0026-00000001"), "The specified key does not exist.";
    NO_SUCH_UPLOAD = 404 "NoSuchUpload" None, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    NOT_IMPLEMENTED = 400 "NotImplemented" None, "A header you provided implies functionality that is not implemented.";
    PRECONDITION_FAILED = 412 "PreconditionFailed" None, "At least one of the pre-conditions you specified did not hold.";
    REQUEST_IS_NOT_MULTI_PART_CONTENT = 400 "RequestIsNotMultiPartContent" None, "Bucket POST must be of the enclosure-type multipart/form-data.";
    REQUEST_TIME_TOO_SKEWED = 403 "RequestTimeTooSkewed" Some("0002-00000504"), "The difference between the request time and the current time is too large.";
    REQUEST_TIMEOUT = 400 "RequestTimeout" None, "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.";
    SECOND_LEVEL_DOMAIN_FORBIDDEN = 403 "SecondLevelDomainForbidden" None, "The bucket you are attempting to access must be addressed using OSS third level domain.";
    SERVICE_UNAVAILABLE = 503 "ServiceUnavailable" None, "Please reduce your request rate.";
    SIGNATURE_DOES_NOT_MATCH = 403 "SignatureDoesNotMatch" Some("0002-00000705"), "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    TOO_MANY_BUCKETS = 400 "TooManyBuckets" None, "You have attempted to create more buckets than allowed.";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row of ours stands in the protocol's table with this status, and its message and EC
    /// among those that are printed there.
    #[test]
    fn every_row_is_one_of_the_protocol() {
        let text = include_str!("../../tests/vectors/errors.json");
        let rows: serde_json::Value = serde_json::from_str(text).unwrap();
        let rows = rows.as_array().unwrap();
        for ours in WireError::ALL {
            if NOT_IN_THE_TABLE.contains(&ours.code) {
                continue;
            }
            let of_code: Vec<_> = rows.iter().filter(|row| row["code"] == ours.code).collect();
            assert!(!of_code.is_empty(), "{} is not in the table", ours.code);
            let is_printed = |row: &&&serde_json::Value| {
                let messages = row["messages"].as_array().unwrap();
                row["status"] == ours.status
                    && (messages.is_empty()
                        || messages.iter().any(|message| {
                            let known = message.as_str().unwrap().trim_end_matches('…');
                            ours.message.starts_with(known) || known.contains(ours.message)
                        }))
            };
            assert!(
                of_code.iter().any(|row| is_printed(&row)),
                "{}: {} is not what is printed",
                ours.code,
                ours.message
            );
            let ecs: Vec<_> = of_code
                .iter()
                .flat_map(|row| row["ecs"].as_array().unwrap())
                .collect();
            if let Some(ec) = ours.ec
                && !ecs.is_empty()
            {
                assert!(ecs.iter().any(|known| *known == ec), "{}: {ec}", ours.code);
            }
        }
    }

    /// Rows whose source is another page, GetObject's range behaviour and the limit of buckets, and one
    /// of ours.
    const NOT_IN_THE_TABLE: [&str; 3] = ["CallbackPending", "InvalidRange", "TooManyBuckets"];
}
