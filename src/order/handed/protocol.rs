//! The requests by which programs hand orders over: numbers and bytes of `ioctl`, to values and back.

/// The type of the requests' numbers, which the kernel's list of taken ones leaves free
/// (Documentation/userspace-api/ioctl/ioctl-number.rst).
const TYPE: u32 = 0x9A;
/// The version of all this.
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"ROXFSCTL";
/// Numbers of records in one part, at most: a request carries less than 16 KiB (`_IOC_SIZEBITS` of the
/// kernel).
pub const MOST_NUMBERS: usize = 2000;
/// The order begins anew.
const BEGIN: u32 = 1;

/// Bytes of the answer to [`HELLO`].
pub const HELLO_LEN: usize = 64;
/// Bytes of [`GIVE`].
pub const GIVE_LEN: usize = GIVE_HEAD_LEN + MOST_NUMBERS * 8;
/// Bytes of [`CLEAR`].
pub const CLEAR_LEN: usize = 8;
/// Bytes before the numbers of records.
const GIVE_HEAD_LEN: usize = 24;

/// Which way a request's bytes go, by `_IOC_WRITE` and `_IOC_READ` of the kernel.
const TO_DAEMON: u32 = 1;
const FROM_DAEMON: u32 = 2;

/// Asks who is there.
pub const HELLO: u32 = request(FROM_DAEMON, 0, HELLO_LEN);
/// Hands over a part of an order.
pub const GIVE: u32 = request(TO_DAEMON, 1, GIVE_LEN);
/// Takes back what was handed over.
pub const CLEAR: u32 = request(TO_DAEMON, 2, CLEAR_LEN);

/// `_IOC` of include/uapi/asm-generic/ioctl.h in the kernel.
const fn request(direction: u32, number: u32, len: usize) -> u32 {
    direction << 30 | (len as u32) << 16 | TYPE << 8 | number
}

/// What a program asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Who is there.
    Hello,
    /// To take a part of an order.
    Give(Part),
    /// To forget what this giver has handed over; everything, where it is 0.
    Clear(u64),
}

/// Why a request is refused before it is looked at more closely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotUnderstood {
    /// There is no such request.
    Unknown,
    /// There is, but not with such bytes.
    Invalid,
}

impl Request {
    /// The request with this number and these bytes.
    pub fn parse(number: u32, bytes: &[u8]) -> Result<Request, NotUnderstood> {
        match number {
            HELLO => Ok(Request::Hello),
            GIVE => Part::parse(bytes)
                .map(Request::Give)
                .ok_or(NotUnderstood::Invalid),
            CLEAR => match bytes.try_into() {
                Ok(giver) => Ok(Request::Clear(u64::from_le_bytes(giver))),
                Err(_) => Err(NotUnderstood::Invalid),
            },
            // Another direction or size of one that there is.
            _ if number >> 8 & 0xff == TYPE && number & 0xff <= CLEAR & 0xff => {
                Err(NotUnderstood::Invalid)
            }
            _ => Err(NotUnderstood::Unknown),
        }
    }
}

/// A part of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// A number that its sender has chosen; never 0.
    pub giver: u64,
    /// How many records it has handed over before.
    pub start: u64,
    /// It begins anew: what it has handed over before is forgotten.
    pub begins: bool,
    /// Numbers of records, not checked to exist; at most [`MOST_NUMBERS`].
    pub numbers: Vec<u64>,
}

impl Part {
    fn parse(bytes: &[u8]) -> Option<Part> {
        if bytes.len() != GIVE_LEN {
            return None;
        }
        let (giver, rest) = bytes.split_first_chunk()?;
        let (start, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let (numbers, _) = rest.as_chunks();
        let count = u32::from_le_bytes(*count) as usize;
        let begins = match u32::from_le_bytes(*flags) {
            0 => false,
            BEGIN => true,
            _ => return None,
        };
        let part = Part {
            giver: u64::from_le_bytes(*giver),
            start: u64::from_le_bytes(*start),
            begins,
            numbers: (numbers.get(..count)?.iter())
                .map(|number| u64::from_le_bytes(*number))
                .collect(),
        };
        (part.giver != 0 && (!begins || part.start == 0)).then_some(part)
    }

    /// The bytes of the request; numbers beyond the most are left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = &self.numbers[..self.numbers.len().min(MOST_NUMBERS)];
        let mut bytes = Vec::with_capacity(GIVE_LEN);
        bytes.extend(self.giver.to_le_bytes());
        bytes.extend(self.start.to_le_bytes());
        bytes.extend((numbers.len() as u32).to_le_bytes());
        bytes.extend(u32::from(self.begins).to_le_bytes());
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes.resize(GIVE_LEN, 0);
        bytes
    }
}

/// The answer to the question who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// How many records the dataset has.
    pub records: u64,
    /// Bytes of memory that all orders may take.
    pub memory: u64,
    /// Those of them that are taken.
    pub used: u64,
}

impl Hello {
    /// The bytes of the answer.
    pub fn to_bytes(&self) -> [u8; HELLO_LEN] {
        let mut bytes = [0; HELLO_LEN];
        let numbers = [self.records, self.memory, self.used].map(u64::to_le_bytes);
        let version = u64::from(VERSION).to_le_bytes();
        let fields = [MAGIC, version, numbers[0], numbers[1], numbers[2]];
        for (field, place) in fields.iter().zip(bytes.as_chunks_mut::<8>().0) {
            *place = *field;
        }
        bytes
    }

    /// The answer of these bytes; `None` where it comes from something else, or from a version that has
    /// to be talked to in another way.
    pub fn parse(bytes: &[u8; HELLO_LEN]) -> Option<Hello> {
        let [magic, version, records, memory, used, ..] = bytes.as_chunks::<8>().0 else {
            return None;
        };
        (*magic == MAGIC && u64::from_le_bytes(*version) == u64::from(VERSION)).then(|| Hello {
            records: u64::from_le_bytes(*records),
            memory: u64::from_le_bytes(*memory),
            used: u64::from_le_bytes(*used),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_numbers_are_those_of_the_page() {
        let page = include_str!("../handed.md");
        for (name, number) in [("HELLO", HELLO), ("GIVE", GIVE), ("CLEAR", CLEAR)] {
            let said = format!("| {name} | `{number:#010X}` |").replace("0X", "0x");
            assert!(page.contains(&said), "{said}");
        }
    }

    #[test]
    fn a_request_of_another_size_or_direction_is_invalid_and_one_of_another_type_unknown() {
        let parse = |number| Request::parse(number, &[]);
        for near in [HELLO ^ 1 << 16, GIVE ^ 1 << 31, CLEAR ^ 3 << 30, GIVE] {
            assert_eq!(parse(near), Err(NotUnderstood::Invalid), "{near:#x}");
        }
        // The terminal's TCGETS, which is asked of every file that Python opens, beside our own.
        for far in [0, 0x5401, HELLO + 3, HELLO ^ 1 << 8, u32::MAX] {
            assert_eq!(parse(far), Err(NotUnderstood::Unknown), "{far:#x}");
        }
    }

    #[test]
    fn a_part_has_a_giver_a_count_and_flags_that_there_are() {
        let part = Part {
            giver: 1,
            start: 0,
            begins: true,
            numbers: vec![7; MOST_NUMBERS],
        };
        let good = part.to_bytes();
        assert_eq!(Request::parse(GIVE, &good), Ok(Request::Give(part)));
        for (place, byte) in [(0, 0), (8, 1), (17, 8), (19, 1), (20, 2), (23, 1)] {
            let mut bytes = good.clone();
            bytes[place] = byte;
            let parsed = Request::parse(GIVE, &bytes);
            assert_eq!(parsed, Err(NotUnderstood::Invalid), "{byte} at {place}");
        }
        let short = Request::parse(GIVE, &good[1..]);
        assert_eq!(short, Err(NotUnderstood::Invalid));
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(number: u32, bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Request::parse(number, &bytes);
            for number in [HELLO, GIVE, CLEAR] {
                let _ = Request::parse(number, &bytes);
            }
        }

        #[test]
        fn a_part_of_any_head_is_read_as_it_was_written_or_refused(
            head: [u8; GIVE_HEAD_LEN],
            rest in prop::collection::vec(any::<u8>(), GIVE_LEN - GIVE_HEAD_LEN),
        ) {
            let mut bytes = [&head[..], &rest].concat();
            // Otherwise hardly any is good.
            bytes[18..20].fill(0);
            bytes[17] &= 7;
            bytes[21..24].fill(0);
            if let Ok(Request::Give(part)) = Request::parse(GIVE, &bytes) {
                let written = part.to_bytes();
                let len = GIVE_HEAD_LEN + 8 * part.numbers.len();
                prop_assert_eq!(&written[..len], &bytes[..len]);
            }
        }

        #[test]
        fn an_answer_is_read_as_it_was_written(records: u64, memory: u64, used: u64) {
            let hello = Hello { records, memory, used };
            let bytes = hello.to_bytes();
            prop_assert_eq!(Hello::parse(&bytes), Some(hello));
            for place in 0..16 {
                let mut other = bytes;
                other[place] ^= 1;
                prop_assert_eq!(Hello::parse(&other), None);
            }
        }
    }
}
