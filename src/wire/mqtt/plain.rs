//! The check that every topic passes.

/// Whether a text is printable ASCII throughout, and has no wildcard (`+`, `#`): then it is UTF-8 and may be a topic.
#[must_use]
#[inline]
pub fn is_plain(text: &[u8]) -> bool {
    // Without an early end, which lets the compiler look at many bytes at once.
    text.iter().fold(true, |plain, byte| {
        plain & matches!(byte, b' '..=b'~') & !matches!(byte, b'+' | b'#')
    })
}
