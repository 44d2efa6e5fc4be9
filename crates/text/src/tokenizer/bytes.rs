//! Spellings of bytes in vocabularies.

/// SentencePiece's space.
pub(super) const SPACE: &str = "\u{2581}";
/// The same as a character.
pub(super) const SPACE_CHARACTER: char = '\u{2581}';

/// GPT-2's alphabet: the character for each byte. Bytes that are printable in Latin-1 are themselves; the
/// others are numbered from U+0100 on.
const ALPHABET: [char; 256] = alphabet();
/// The byte for each character up to U+0143, or -1.
const BYTE_OF: [i16; 0x144] = byte_of();

const fn prints(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

const fn alphabet() -> [char; 256] {
    let mut table = ['\0'; 256];
    let mut next = 0x100;
    let mut byte = 0;
    while byte < 256 {
        let code = if prints(byte as u8) { byte as u32 } else { next };
        if !prints(byte as u8) {
            next += 1;
        }
        table[byte] = match char::from_u32(code) {
            Some(c) => c,
            None => panic!("codes below U+0144 are characters"),
        };
        byte += 1;
    }
    table
}

const fn byte_of() -> [i16; 0x144] {
    let mut table = [-1; 0x144];
    let mut byte = 0;
    while byte < 256 {
        table[ALPHABET[byte] as usize] = byte as i16;
        byte += 1;
    }
    table
}

/// Appends `bytes` to `out` in GPT-2's alphabet.
pub(super) fn to_byte_level(bytes: &[u8], out: &mut String) {
    out.extend(bytes.iter().map(|&byte| ALPHABET[usize::from(byte)]));
}

/// The bytes of a token in GPT-2's alphabet. Other characters are themselves.
pub(super) fn from_byte_level(token: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    for c in token.chars() {
        match BYTE_OF.get(c as usize).map(|&byte| u8::try_from(byte)) {
            Some(Ok(byte)) => bytes.push(byte),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The byte of a token like `<0x0A>`.
pub(super) fn parse_byte_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    let two_digits = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    two_digits.then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::{ALPHABET, from_byte_level, parse_byte_token, to_byte_level};

    #[test]
    fn spells_bytes_as_gpt2_does() {
        let mut spelled = String::new();
        to_byte_level(" Hé\n".as_bytes(), &mut spelled);
        assert_eq!(spelled, "ĠHÃ©Ċ");
        assert_eq!(from_byte_level(&spelled), " Hé\n".as_bytes());
        assert_eq!(ALPHABET[0], 'Ā');
        assert_eq!(ALPHABET[0xad], '\u{143}');
    }

    #[test]
    fn every_byte_round_trips() {
        for (byte, c) in (0..=255).zip(ALPHABET) {
            assert_eq!(from_byte_level(&c.to_string()), [byte]);
        }
        assert_eq!(from_byte_level("東\u{144}"), "東\u{144}".as_bytes());
    }

    #[test]
    fn reads_byte_tokens() {
        assert_eq!(parse_byte_token("<0x0A>"), Some(10));
        assert_eq!(parse_byte_token("<0xff>"), Some(255));
        for not_one in ["<0x>", "<0x+1>", "<0x100>", "0x0A", "<0x0A", "<0xé>"] {
            assert_eq!(parse_byte_token(not_one), None);
        }
    }
}
