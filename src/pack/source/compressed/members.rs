//! Compressed data as its tools write it: members (gzip), frames (zstd) or streams (xz, bzip2) one
//! after the other, each with its own checksum. Parallel tools write many of them.

use super::peeked::Peeked;
use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::error::Error;
use std::io::{self, BufRead, Read};

/// The largest window of zstd that is kept in memory: what `zstd -d` takes without being asked for
/// more, and `zstd --ultra -22` needs. It is filled as the data comes.
pub const ZSTD_WINDOW_BYTES: u64 = 128 << 20;
/// The most memory of a decoder of xz: room for a dictionary of 128 MiB, where `xz -9` needs 64.
pub const XZ_MEMORY_KIB: u32 = 132 << 10;

/// How data are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionFormat {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The container around LZMA2, as xz 5 writes it.
    Xz,
    /// As bzip2 1.0 writes it.
    Bzip2,
}

/// What a zstd frame begins with, and (with any last four bits of the first byte) a frame to skip.
const ZSTD_FRAME: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
const ZSTD_SKIPPED: [u8; 4] = 0x184d_2a50_u32.to_le_bytes();
/// A block of bzip2 begins with the digits of pi, the end of a stream with those of its root.
const BZIP2_BLOCK: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
const BZIP2_END: [u8; 6] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];

impl CompressionFormat {
    /// Bytes from the beginning that tell the format.
    pub const MAGIC_BYTES: usize = 10;

    /// The format of data that begin with these bytes.
    pub fn of(head: &[u8]) -> Option<CompressionFormat> {
        match head {
            [0x1f, 0x8b, ..] => Some(CompressionFormat::Gzip),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(CompressionFormat::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
                if rest.starts_with(&BZIP2_BLOCK)
                    || rest.starts_with(&BZIP2_END)
                    // Cut off.
                    || BZIP2_BLOCK.starts_with(rest) =>
            {
                Some(CompressionFormat::Bzip2)
            }
            [first, second, third, fourth, ..] => {
                let skipped = [first & 0xf0, *second, *third, *fourth] == ZSTD_SKIPPED;
                (skipped || head.starts_with(&ZSTD_FRAME)).then_some(CompressionFormat::Zstd)
            }
            _ => None,
        }
    }

    /// The program of this format.
    pub fn program(self) -> &'static str {
        match self {
            CompressionFormat::Gzip => "gzip",
            CompressionFormat::Zstd => "zstd",
            CompressionFormat::Xz => "xz",
            CompressionFormat::Bzip2 => "bzip2",
        }
    }
}

/// A window or dictionary that would take more memory than is given for it.
#[derive(Debug, thiserror::Error)]
#[error("it needs {needed} of memory, at most {} are given", bytesize::ByteSize(*limit))]
pub struct TooMuchMemory {
    needed: String,
    limit: u64,
}

impl TooMuchMemory {
    /// For a decoder of this format.
    pub fn error(needed: String, limit: u64) -> io::Error {
        io::Error::other(TooMuchMemory { needed, limit })
    }
}

/// All members of an input, decompressed one after the other.
pub struct Members {
    format: CompressionFormat,
    state: MembersState,
}

enum MembersState {
    Between(Peeked),
    Gzip(Box<GzDecoder<Peeked>>),
    Zstd(Box<FrameDecoder>, Peeked),
    Xz(Box<XzReader<Peeked>>),
    Bzip2(Box<BzDecoder<Peeked>>),
    /// At the end, with what follows and is no member.
    End(Peeked),
    Failed,
}

impl Members {
    /// The members of `input`, which begins with one.
    pub fn new(format: CompressionFormat, input: Peeked) -> Members {
        Members {
            format,
            state: MembersState::Between(input),
        }
    }

    /// How many compressed bytes have been read.
    pub fn at(&self) -> u64 {
        match &self.state {
            MembersState::Between(input)
            | MembersState::Zstd(_, input)
            | MembersState::End(input) => input.at(),
            MembersState::Gzip(decoder) => decoder.get_ref().at(),
            MembersState::Bzip2(decoder) => decoder.get_ref().at(),
            MembersState::Xz(decoder) => decoder.inner().at(),
            MembersState::Failed => 0,
        }
    }

    /// At the end: reads what follows the last member, and says how many bytes that were.
    pub fn trailing(&mut self) -> io::Result<u64> {
        match &mut self.state {
            MembersState::End(input) => io::copy(input, &mut io::sink()),
            _ => Ok(0),
        }
    }

    /// Where the last member ends, if something else follows.
    pub fn ends_before_input(&mut self) -> Option<u64> {
        match &mut self.state {
            MembersState::End(input) => {
                let follows = input.peek(1).is_ok_and(|next| !next.is_empty());
                follows.then(|| input.at())
            }
            _ => None,
        }
    }

    /// Begins the next member, or comes to the end.
    fn begin(&mut self, mut input: Peeked) -> io::Result<()> {
        let is_first = input.at() == 0;
        // Tapes and other blocks are filled up by them.
        if !is_first {
            input.pass_zeros()?;
        }
        let head = input.peek(CompressionFormat::MAGIC_BYTES)?;
        if CompressionFormat::of(head) != Some(self.format) {
            self.state = MembersState::End(input);
            return Ok(());
        }
        self.state = match self.format {
            CompressionFormat::Gzip => MembersState::Gzip(Box::new(GzDecoder::new(input))),
            CompressionFormat::Bzip2 => MembersState::Bzip2(Box::new(BzDecoder::new(input))),
            CompressionFormat::Xz => MembersState::Xz(Box::new(XzReader::new_mem_limit(
                input,
                false,
                XZ_MEMORY_KIB,
            ))),
            CompressionFormat::Zstd => match zstd_frame(&mut input)? {
                Some(decoder) => MembersState::Zstd(decoder, input),
                None => MembersState::Between(input),
            },
        };
        Ok(())
    }

    /// Reads of the open member; `Ok(0)` at its end.
    fn read_member(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.state {
            MembersState::Gzip(decoder) => decoder.read(buffer),
            MembersState::Bzip2(decoder) => decoder.read(buffer),
            MembersState::Xz(decoder) => decoder
                .read(buffer)
                .map_err(|error| xz_error(error, XZ_MEMORY_KIB)),
            MembersState::Zstd(decoder, input) => read_zstd(decoder, input, buffer),
            MembersState::Between(_) | MembersState::End(_) | MembersState::Failed => Ok(0),
        }
    }
}

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = self.read_member(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let input = match std::mem::replace(&mut self.state, MembersState::Failed) {
                MembersState::Between(input) | MembersState::Zstd(_, input) => input,
                MembersState::Gzip(decoder) => decoder.into_inner(),
                MembersState::Bzip2(decoder) => decoder.into_inner(),
                MembersState::Xz(decoder) => decoder.into_inner(),
                end @ (MembersState::End(_) | MembersState::Failed) => {
                    self.state = end;
                    return Ok(0);
                }
            };
            self.begin(input)?;
        }
    }
}

/// Begins a frame, or reads one that is to be skipped.
pub fn zstd_frame(input: &mut impl BufRead) -> io::Result<Option<Box<FrameDecoder>>> {
    let mut decoder = Box::new(FrameDecoder::new());
    decoder.set_max_window_size(ZSTD_WINDOW_BYTES);
    match decoder.init(&mut *input) {
        Ok(()) => Ok(Some(decoder)),
        Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
            length,
            ..
        })) => {
            let length = u64::from(length);
            if io::copy(&mut input.take(length), &mut io::sink())? == length {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
        Err(error) => Err(zstd_error(error)),
    }
}

/// Reads of a frame, and at its end compares its checksum, where it has one.
pub fn read_zstd(
    decoder: &mut FrameDecoder,
    input: &mut impl BufRead,
    buffer: &mut [u8],
) -> io::Result<usize> {
    while decoder.can_collect() == 0 && !decoder.is_finished() {
        let decoded = decoder.decode_blocks(&mut *input, BlockDecodingStrategy::UptoBlocks(1));
        decoded.map_err(zstd_error)?;
    }
    let read = decoder.read(buffer)?;
    if read == 0 {
        let expected = decoder.get_checksum_from_data();
        let found = decoder.get_calculated_checksum();
        if let (Some(expected), Some(found)) = (expected, found)
            && expected != found
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the checksum of a frame is {found:#010x}, expected {expected:#010x}"),
            ));
        }
    }
    Ok(read)
}

/// An error of the decoder, or what the system said below it.
fn zstd_error(error: FrameDecoderError) -> io::Error {
    if let FrameDecoderError::WindowSizeTooBig { requested, max } = error {
        return TooMuchMemory::error(
            format!("a window of {}", bytesize::ByteSize(requested)),
            max,
        );
    }
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(found) = cause {
        if let Some(io) = found.downcast_ref::<io::Error>() {
            return match io.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(io.kind(), io.to_string()),
            };
        }
        cause = found.source();
    }
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// Names the limit of memory where that was the reason.
pub fn xz_error(error: io::Error, limit_kib: u32) -> io::Error {
    match error.kind() {
        io::ErrorKind::OutOfMemory => {
            TooMuchMemory::error("a dictionary".to_owned(), u64::from(limit_kib) << 10)
        }
        _ => error,
    }
}
