//! Reads the expiry of a certificate, which rustls does not expose for a server's own certificate.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// DER tags (ITU-T X.690) of the elements up to the expiry.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Returns when a certificate expires (RFC 5280 section 4.1); `None` if it is malformed.
pub(super) fn valid_until(certificate: &[u8]) -> Option<Timestamp> {
    let mut outer = certificate;
    let mut certificate = take(&mut outer, SEQUENCE)?;
    let mut signed = take(&mut certificate, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        take(&mut signed, VERSION)?;
    }
    let _serial_number = take(&mut signed, INTEGER)?;
    let _signature = take(&mut signed, SEQUENCE)?;
    let _issuer = take(&mut signed, SEQUENCE)?;
    let mut validity = take(&mut signed, SEQUENCE)?;
    let _not_before = time(&mut validity)?;
    time(&mut validity)
}

/// Removes the next element from `rest` and returns its value; `None` if it has another tag or is
/// malformed.
fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&[found, length], behind) = rest.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, behind) = match length {
        0..=0x7f => (usize::from(length), behind),
        // Long form: the low bits give the number of length bytes.
        0x81..=0x84 => {
            let (bytes, behind) = behind.split_at_checked(usize::from(length - 0x80))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), behind)
        }
        _ => return None,
    };
    let (value, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(value)
}

/// Removes a time from `rest` and returns it. Two-digit years below 50 are in this century (RFC 5280
/// section 4.1.2.5.1).
fn time(rest: &mut &[u8]) -> Option<Timestamp> {
    let text = if rest.first() == Some(&UTC_TIME) {
        let text = std::str::from_utf8(take(rest, UTC_TIME)?).ok()?;
        let century = if text.get(..2)? < "50" { "20" } else { "19" };
        format!("{century}{text}")
    } else {
        std::str::from_utf8(take(rest, GENERALIZED_TIME)?).ok()?.to_owned()
    };
    let moment = DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok()?;
    TimeZone::UTC.to_timestamp(moment).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_certificate_has_no_expiry() {
        for bytes in [&b""[..], b"\x30", b"\x30\x84", b"\x30\x05\x30\x03\x02\x01\x01", b"\x31\x00"]
        {
            assert_eq!(valid_until(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn utc_time_and_generalized_time_are_read() {
        for (element, expected) in [
            (&b"\x17\x0d491231235959Z"[..], "2049-12-31T23:59:59Z"),
            (b"\x17\x0d500101000000Z", "1950-01-01T00:00:00Z"),
            (b"\x18\x0f20500101000000Z", "2050-01-01T00:00:00Z"),
        ] {
            assert_eq!(time(&mut &*element).unwrap().to_string(), expected);
        }
        assert_eq!(time(&mut &b"\x17\x0d491331235959Z"[..]), None);
    }
}
