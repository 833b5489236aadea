//! Who signed, for which day, region and product.

use std::fmt;

use jiff::Timestamp;

use super::super::date;
use super::super::error::{CredentialDateFault, IdPlace, SignatureError, shorten};
use super::super::request::{Scope, access_key_id};
use crate::name::AccessKeyId;

/// `ID/YYYYMMDD/REGION/PRODUCT/aliyun_v4_request`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credential {
    access_key_id: AccessKeyId,
    day: String,
    region: String,
    product: String,
}

impl Credential {
    pub(super) const END: &str = "aliyun_v4_request";

    /// The credential for the day of `time` in UTC.
    pub fn new(access_key_id: &AccessKeyId, scope: Scope<'_>, time: Timestamp) -> Self {
        Self {
            access_key_id: access_key_id.clone(),
            day: date::print(date::DAY, time),
            region: scope.region.to_owned(),
            product: scope.product.to_owned(),
        }
    }

    /// Reads a credential.
    ///
    /// # Errors
    /// It is not of the documented form, the id has impossible characters, or the day is none.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let mut parts = text.split('/');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (Some(id), Some(day), Some(region), Some(product), Some(Self::END), None) =
            (part(), part(), part(), part(), part(), parts.next())
        else {
            return Err(SignatureError::Credential {
                value: shorten(text),
            });
        };
        let access_key_id = access_key_id(id, IdPlace::Credential)?;
        if !date::is_day(day) {
            return Err(SignatureError::CredentialDate {
                value: shorten(day),
                why: CredentialDateFault::Form,
            });
        }
        Ok(Self {
            access_key_id,
            day: day.to_owned(),
            region: region.to_owned(),
            product: product.to_owned(),
        })
    }

    /// Who signed.
    pub const fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// The day, such as `20231203`.
    pub fn day(&self) -> &str {
        &self.day
    }

    /// The region, such as `cn-hangzhou`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The product: `oss`.
    pub fn product(&self) -> &str {
        &self.product
    }

    /// `DAY/REGION/PRODUCT/aliyun_v4_request`, the third line of a text to sign.
    pub(super) fn scope_text(&self) -> String {
        let (day, region, product) = (&self.day, &self.region, &self.product);
        format!("{day}/{region}/{product}/{}", Self::END)
    }

    /// Refuses a credential for another region or product.
    pub(super) fn check_scope(&self, here: Scope<'_>) -> Result<(), SignatureError> {
        if self.region == here.region && self.product == here.product {
            return Ok(());
        }
        Err(SignatureError::Scope {
            found: shorten(&format!("{}/{}", self.region, self.product)),
            here: format!("{}/{}", here.region, here.product),
        })
    }

    /// Refuses a date that is on another day than the credential's.
    pub(super) fn check_day(&self, date: &str) -> Result<(), SignatureError> {
        if date.starts_with(&self.day) {
            return Ok(());
        }
        Err(SignatureError::CredentialDate {
            value: shorten(date),
            why: CredentialDateFault::OtherDay,
        })
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.access_key_id, self.scope_text())
    }
}
