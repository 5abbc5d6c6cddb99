//! Completes the last frame of an input. Decoders check a frame at its header or at its end, and this must
//! not count as a disagreement.

use super::{MESSAGE_BYTES_MAX, walk};

/// The longest payload that is completed, in bytes.
const LENGTH_MAX: u64 = 2 * MESSAGE_BYTES_MAX as u64;

/// The longest header, in bytes.
const HEADER_BYTES_MAX: usize = 14;

/// Completes a partial last frame: its header as that of a masked frame, its payload with zeros. Leaves
/// payloads above the decoders' limits incomplete.
pub(super) fn complete(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..HEADER_BYTES_MAX {
        let last = walk::frames(&bytes).last();
        let Some(end) = last.map_or(Some(0), |frame| usize::try_from(frame.end()).ok()) else {
            return bytes;
        };
        if end < bytes.len() {
            // A partial header follows the last complete frame.
            bytes.push(if bytes.len() - end == 1 { 0x80 } else { 0 });
        } else if end as u64 <= bytes.len() as u64 + LENGTH_MAX {
            bytes.resize(end, 0);
            return bytes;
        } else {
            return bytes;
        }
    }
    bytes
}
