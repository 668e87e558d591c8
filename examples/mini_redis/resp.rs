//! The Redis protocol, RESP2, without any I/O.

const LONGEST_LINE: usize = 16 * 1024;
const LONGEST_WORD: usize = 512 * 1024;
const LONGEST_REQUEST: usize = 1024 * 1024;
/// An answer to MGET may be so many of the longest words.
const MOST_WORDS: usize = 128;

/// Takes a request off the front of `input`: a line of words, or an array of them. `None`: its end has not come.
pub fn request<'a>(input: &mut &'a [u8]) -> Result<Option<Vec<&'a [u8]>>, &'static str> {
    let mut rest = *input;
    let Some(first) = line(&mut rest)? else { return Ok(None) };
    let mut words: Vec<_> = first.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    if let Some(count) = first.strip_prefix(b"*") {
        words.clear();
        for _ in 0..length(count, MOST_WORDS)? {
            let Some(head) = line(&mut rest)? else { return Ok(None) };
            let length = length(head.strip_prefix(b"$").ok_or("expected '$'")?, LONGEST_WORD)?;
            let Some((word, behind)) = rest.split_at_checked(length + 2) else {
                return if input.len() > LONGEST_REQUEST { Err("too long a request") } else { Ok(None) };
            };
            words.push(word.strip_suffix(b"\r\n").ok_or("expected CRLF behind a word")?);
            rest = behind;
        }
    }
    *input = rest;
    Ok(Some(words))
}

fn line<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
    let head = &rest[..rest.len().min(LONGEST_LINE)];
    let Some(end) = head.iter().position(|byte| *byte == b'\n') else {
        return if head.len() < LONGEST_LINE { Ok(None) } else { Err("too long a line") };
    };
    *rest = &rest[end + 1..];
    Ok(Some(head[..end].strip_suffix(b"\r").unwrap_or(&head[..end])))
}

fn length(digits: &[u8], most: usize) -> Result<usize, &'static str> {
    number(digits).and_then(|n| n.try_into().ok()).filter(|n| *n <= most).ok_or("invalid length")
}

pub fn integer(n: impl Into<i64>) -> Vec<u8> {
    format!(":{}\r\n", n.into()).into_bytes()
}

pub fn count<T>(items: impl Iterator<Item = T>) -> Vec<u8> {
    integer(items.count() as i64)
}

pub fn bulk(bytes: Option<&[u8]>) -> Vec<u8> {
    let Some(bytes) = bytes else { return b"$-1\r\n".to_vec() };
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

pub fn array(words: &[Option<&[u8]>]) -> Vec<u8> {
    let head = format!("*{}\r\n", words.len()).into_bytes();
    head.into_iter().chain(words.iter().flat_map(|word| bulk(*word))).collect()
}

/// An integer as it is written: without a plus or leading zeros.
pub fn number(digits: &[u8]) -> Option<i64> {
    let text = str::from_utf8(digits).ok()?;
    text.parse().ok().filter(|n: &i64| n.to_string() == text)
}
