//! The element type in a `ROXXEL02` footer: eight bytes that roxfs carries and never interprets.

use super::{Damage, show_magic};
use std::fmt;

/// Bytes of the field.
pub const DTYPE_LEN: usize = 8;

/// NumPy's names that fit, and those that JAX adds.
const NAMES: [&str; 38] = [
    "bool", "bool_", "byte", "ubyte", "short", "ushort", "intc", "uintc", "int", "uint", "intp",
    "uintp", "long", "ulong", "longlong", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "uint32", "uint64", "half", "single", "double", "float", "float16", "float32", "float64",
    "complex", "csingle", "cdouble", "object", "bfloat16", "int4", "uint4", "float128",
];
/// What may stand before and in the codes that NumPy has for types beside their names: `<u2`, `S5`.
const BYTE_ORDERS: [char; 4] = ['<', '>', '=', '|'];
const CODES: &str = "?bBhHiIlLqQefdgFDGSUVOmMuc";

/// The NumPy name of a payload's element type, for instance `uint16`.
///
/// Any printable ASCII of up to 8 bytes, because `roxxel` writes the first 8 bytes of whatever NumPy
/// calls the type (`complex1` for complex128, `[('x', '` for a structured one), and reads the records
/// without looking at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dtype(String);

/// What is wrong with a name for an element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DtypeError {
    /// No name.
    #[error("an element type has a name, as uint16")]
    Empty,
    /// More than the footer has room for.
    #[error("the name has {0} bytes, and a footer has room for {DTYPE_LEN}")]
    TooLong(usize),
    /// What a footer does not hold.
    #[error("the name of an element type is printable ASCII, as uint16")]
    NotPrintable,
}

impl Dtype {
    /// The element type with this name.
    pub fn new(name: &str) -> Result<Dtype, DtypeError> {
        match name.len() {
            0 => Err(DtypeError::Empty),
            _ if !name.bytes().all(is_printable) => Err(DtypeError::NotPrintable),
            len if len > DTYPE_LEN => Err(DtypeError::TooLong(len)),
            _ => Ok(Dtype(name.to_owned())),
        }
    }

    /// Parses a footer's field. It may be empty, unlike a name that is given.
    pub(super) fn parse(field: &[u8]) -> Result<Dtype, Damage> {
        let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
        let (text, padding) = field.split_at(end);
        let valid = text.iter().all(|&b| is_printable(b)) && padding.iter().all(|&b| b == 0);
        if !valid {
            return Err(Damage::new(
                "footer dtype",
                show_magic(field),
                "printable ASCII padded with NUL",
            ));
        }
        Ok(Dtype(text.iter().map(|&b| char::from(b)).collect()))
    }

    /// The field in a footer.
    pub(super) fn field(&self) -> [u8; DTYPE_LEN] {
        let mut field = [0; DTYPE_LEN];
        // Both constructors bound the length.
        field[..self.0.len()].copy_from_slice(self.0.as_bytes());
        field
    }

    /// Whether NumPy is likely to have such a type. Where it has none, the records can be read all the
    /// same, but not as an array of it.
    pub fn is_known(&self) -> bool {
        let code = self.0.strip_prefix(BYTE_ORDERS).unwrap_or(&self.0);
        let mut code = code.chars();
        let is_code = code.next().is_some_and(|kind| CODES.contains(kind))
            && code.all(|size| size.is_ascii_digit());
        is_code || NAMES.contains(&self.as_str())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What `roxxel` writes for bytes and text.
impl Default for Dtype {
    fn default() -> Dtype {
        Dtype("uint8".to_owned())
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => f.write_str("without a dtype"),
            name => f.write_str(name),
        }
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_ascii_that_fits_into_the_field() {
        for name in ["uint8", "bfloat16", "<u2", "a", "[('x', '", "i4, f4"] {
            let dtype = Dtype::new(name).expect("valid");
            assert_eq!(dtype.as_str(), name);
            assert_eq!(Dtype::parse(&dtype.field()), Ok(dtype));
        }
        for (name, error) in [
            ("", DtypeError::Empty),
            ("complex128", DtypeError::TooLong(10)),
            ("uint16\n", DtypeError::NotPrintable),
            ("uint\u{7f}", DtypeError::NotPrintable),
            ("\u{1b}[1m", DtypeError::NotPrintable),
            ("a\0b", DtypeError::NotPrintable),
            ("ü", DtypeError::NotPrintable),
        ] {
            assert_eq!(Dtype::new(name), Err(error), "{name:?}");
        }
    }

    #[test]
    fn names_and_codes_of_numpy_are_known_and_others_are_not() {
        for name in ["uint16", "bfloat16", "<u2", ">f4", "S5", "|S5", "?", "d"] {
            assert!(Dtype::new(name).expect("valid").is_known(), "{name}");
        }
        for name in ["uint61", "complex6", "Uint8", "<", "2u", "u2x"] {
            assert!(!Dtype::new(name).expect("valid").is_known(), "{name}");
        }
    }

    #[test]
    fn a_field_is_text_and_then_nul_and_nothing_else() {
        for (field, text) in [(b"\0\0\0\0\0\0\0\0", ""), (b"bfloat16", "bfloat16")] {
            assert_eq!(
                Dtype::parse(field).map(|dtype| dtype.0),
                Ok(text.to_owned())
            );
        }
        for field in [
            b"uint\0\0\0x",
            b"\0uint8\0\0",
            b"\x1b[1m\0\0\0\0",
            b"\xffuint16\0",
        ] {
            let error = Dtype::parse(field).expect_err("damaged").to_string();
            assert!(error.starts_with("footer dtype is \""), "{error}");
            assert!(error.bytes().all(is_printable), "{error}");
        }
    }
}
