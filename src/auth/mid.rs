//! The report of who made and sold the module, published once after each Construct.

use super::Identity;
use crate::text::{Full, Text};

/// Topic and payload of the report.
#[derive(Clone, Debug, Default)]
pub struct MidReport {
    topic: Text<{ Self::TOPIC_MAX }>,
    payload: Text<{ Self::PAYLOAD_MAX }>,
}

/// One of the names cannot stand in a JSON string as it is, or is longer than 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadId;

impl MidReport {
    /// The longest id of a partner or a module.
    pub const ID_MAX: usize = 64;
    const TOPIC_MAX: usize =
        "/sys///thing/status/update".len() + Identity::PRODUCT_KEY_MAX + Identity::DEVICE_NAME_MAX;
    const PAYLOAD_MAX: usize =
        r#"{"id":"__mid","params":{"_sys_device_mid":"","_sys_device_pid":""}}"#.len()
            + Identity::PRODUCT_KEY_MAX
            + Identity::DEVICE_NAME_MAX
            + 2 * Self::ID_MAX;

    /// Puts the report together.
    pub fn new(
        identity: &Identity<'_>,
        partner_id: &[u8],
        module_id: &[u8],
    ) -> Result<Self, BadId> {
        let mut report = Self::default();
        report.fill(identity, partner_id, module_id)?;
        Ok(report)
    }

    /// Puts an empty report together where it is: it is large for some stacks.
    pub fn fill(
        &mut self,
        identity: &Identity<'_>,
        partner_id: &[u8],
        module_id: &[u8],
    ) -> Result<(), BadId> {
        let (pk, dn) = (
            identity.product_key().as_bytes(),
            identity.device_name().as_bytes(),
        );
        let plain = |byte: &u8| !matches!(byte, 0..b' ' | b'"' | b'\\');
        if partner_id.len().max(module_id.len()) > Self::ID_MAX
            || ![pk, dn, partner_id, module_id]
                .into_iter()
                .flatten()
                .all(plain)
        {
            return Err(BadId);
        }
        self.topic
            .push_all(&[b"/sys/", pk, b"/", dn, b"/thing/status/update"])
            .and_then(|()| {
                self.payload.push_all(&[
                    br#"{"id":""#,
                    pk,
                    b"_",
                    dn,
                    br#"_mid","params":{"_sys_device_mid":""#,
                    module_id,
                    br#"","_sys_device_pid":""#,
                    partner_id,
                    br#""}}"#,
                ])
            })
            .map_err(|Full| BadId)
    }

    /// The topic to publish to.
    #[must_use]
    pub fn topic(&self) -> &str {
        // It is made of `str`s.
        core::str::from_utf8(self.topic.as_bytes()).unwrap_or_default()
    }

    /// The JSON to publish.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.payload.as_bytes()
    }
}
