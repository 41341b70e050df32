//! The keys that sign session cookies: the first one signs, all of them verify.

use super::id::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

type HmacSha256 = Hmac<Sha256>;

/// The signing keys, newest first.
///
/// To rotate keys, put a new key in front. Cookies that the old key signed stay valid while the old key is listed. A
/// cookie that no key verifies gives no access.
#[derive(Clone)]
pub struct Keys(Vec<HmacSha256>);

/// The reason why there are no signing keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The list of keys is empty.
    #[error("there is no key to sign with: name at least one file or env:NAME that holds a key")]
    None,
    /// A key is not 32 bytes in hexadecimal or base64.
    #[error(
        "{0} does not hold a key; a key is 32 random bytes, written as 64 hexadecimal digits or in base64 \
         (make one with `openssl rand -hex 32`)"
    )]
    Malformed(String),
    /// A key is so regular that it cannot be random.
    #[error("{0} holds a weak key; make a random one with `openssl rand -hex 32`")]
    Weak(String),
    /// A file cannot be read or written.
    #[error("{path} cannot be used: {source}; give the server access to it or name another file")]
    File {
        /// The file.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// Other users may read the file.
    #[error("{0} can be read by others; run `chmod 600 {0}`")]
    Exposed(String),
    /// The system has no random numbers.
    #[error("no key could be made, because the system gave no random numbers: {0}")]
    Random(getrandom::Error),
}

impl Keys {
    /// Generates one random key that lives as long as this value: for tests and for the memory store.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`] when the system has no random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(KeyError::Random)?;
        Ok(Self(vec![hmac(&key)]))
    }

    /// Parses keys from texts, each with the name of its file or variable for the error.
    ///
    /// # Errors
    ///
    /// When the list is empty or a text contains no key.
    pub fn parse<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, KeyError> {
        let keys = texts.into_iter().map(|(name, text)| parse_key(name, text)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyError::None) } else { Ok(Self(keys)) }
    }

    /// Loads the key in a file, and creates the file (mode 0600) with a new key if there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, is readable by others, or contains no key.
    pub fn in_file(path: &Path) -> Result<Self, KeyError> {
        let text = match read_private(path) {
            Err(KeyError::File { source, .. }) if source.kind() == ErrorKind::NotFound => create(path)?,
            other => other?,
        };
        Self::parse([(path.display().to_string().as_str(), text.as_str())])
    }

    /// Returns an id of each key, in their order. It is the same wherever the key is used, and reveals nothing about
    /// the key.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let id = |key| URL_SAFE_NO_PAD.encode(&mac(key, "", b"key=id").finalize().into_bytes()[..9]);
        self.0.iter().map(id).collect()
    }

    /// Returns the cookie value for a secret: the secret and its signature, both in base64url.
    ///
    /// The cookie's name is signed too, so that a value cannot be moved to another cookie.
    pub(super) fn seal(&self, name: &str, secret: &Secret) -> String {
        self.signed(name, &secret.encode())
    }

    /// Returns a text and its signature, as the value of the cookie `name`.
    pub(super) fn signed(&self, name: &str, text: &str) -> String {
        let signature = mac(&self.0[0], name, text.as_bytes()).finalize().into_bytes();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Returns the signature of `place` and `text` under an empty cookie name. It is never the signature of a cookie,
    /// because no cookie has an empty name.
    pub(super) fn pseudonym(&self, place: &str, text: &str) -> String {
        let signature = mac(&self.0[0], "", format!("{place}={text}").as_bytes()).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode(signature)
    }

    /// Returns whether this is the [`pseudonym`](Self::pseudonym) of a text, by any of the keys.
    pub(super) fn is_pseudonym(&self, place: &str, text: &str, pseudonym: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(pseudonym) else { return false };
        let of = |key| mac(key, "", format!("{place}={text}").as_bytes());
        self.0.iter().any(|key| of(key).verify_slice(&bytes).is_ok())
    }

    /// Returns the secret in a cookie value, if one of the keys signed it.
    pub(super) fn open(&self, name: &str, value: &[u8]) -> Option<Secret> {
        Secret::decode(self.verified(name, value)?.as_bytes())
    }

    /// Returns the secret in a cookie value of the right format, whichever key signed it. It proves nothing.
    pub(super) fn unsealed(value: &[u8]) -> Option<Secret> {
        let dot = value.iter().position(|&byte| byte == b'.')?;
        // A signature has as many bytes as a secret, so the same function checks its format.
        Secret::decode(&value[dot + 1..])?;
        Secret::decode(&value[..dot])
    }

    /// Returns the text in a cookie value, if one of the keys signed it.
    pub(super) fn verified<'a>(&self, name: &str, value: &'a [u8]) -> Option<&'a str> {
        let dot = value.iter().position(|&byte| byte == b'.')?;
        let (text, signature) = (&value[..dot], &value[dot + 1..]);
        let mut bytes = [0; 32];
        let length = URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
        // `verify_slice` compares in constant time.
        let signed = self.0.iter().any(|key| mac(key, name, text).verify_slice(&bytes[..length]).is_ok());
        if signed { str::from_utf8(text).ok() } else { None }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} keys)", self.0.len())
    }
}

/// Reads a file that no other user may read.
///
/// # Errors
///
/// When the file cannot be read, or other users may read it.
pub fn read_private(path: &Path) -> Result<String, KeyError> {
    let name = path.display().to_string();
    let file = |source| KeyError::File { path: name.clone(), source };
    let text = fs::read_to_string(path).map_err(file)?;
    let mode = fs::metadata(path).map_err(file)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(text) } else { Err(KeyError::Exposed(name)) }
}

fn create(path: &Path) -> Result<String, KeyError> {
    let secret = Secret::generate().map_err(KeyError::Random)?;
    let text = format!("{}\n", secret.encode());
    let file = |source| KeyError::File { path: path.display().to_string(), source };
    // The file gets its name when it is complete, because another process that starts now must not read half a key.
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut handle =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(file)?;
    handle.write_all(text.as_bytes()).and_then(|()| handle.sync_all()).map_err(file)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).map_err(file)?;
    match linked {
        Ok(()) => Ok(text),
        // Another process was faster, so its key is used.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => read_private(path),
        Err(e) => Err(file(e)),
    }
}

fn parse_key(name: &str, text: &str) -> Result<HmacSha256, KeyError> {
    let text = text.trim();
    let bytes = from_hex(text)
        .or_else(|| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=').replace('+', "-").replace('/', "_")).ok())
        .filter(|bytes| bytes.len() == 32)
        .ok_or_else(|| KeyError::Malformed(name.to_owned()))?;
    let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
    // 32 random bytes have fewer than 16 distinct values once in some 2^54 draws.
    if distinct < 16 { Err(KeyError::Weak(name.to_owned())) } else { Ok(hmac(&bytes)) }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    // Checked here, because `from_str_radix` accepts a sign.
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn hmac(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn mac(key: &HmacSha256, name: &str, text: &[u8]) -> HmacSha256 {
    let mut mac = key.clone();
    mac.update(name.as_bytes());
    mac.update(b"=");
    mac.update(text);
    mac
}

#[cfg(test)]
mod tests;
