//! One file of a zip archive, unpacked when its turn comes. What comes out has the size and the
//! checksum that the archive's directory says, or the record is damaged.

use super::Archive;
use super::open_files::Replaced;
use crate::pack::PackError;
use crate::pack::source::compressed::members::{TooMuchMemory, read_zstd, xz_error, zstd_frame};
use crate::pack::source::{Member, Origin, SourceError, Unpacked};
use bzip2::bufread::BzDecoder;
use deflate64::Deflate64Decoder;
use flate2::bufread::DeflateDecoder;
use lzma_rust2::{LzmaReader, XzReader, lzma_get_memory_usage_by_props};
use rawzip::{CompressionMethod, ZipArchiveEntryWayfinder, ZipFileHeaderRecord};
use ruzstd::decoding::FrameDecoder;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

/// Bytes that are unpacked at once.
const PIECE_BYTES: usize = 64 << 10;
/// The most memory for a dictionary of LZMA: several entries are unpacked at once. `xz -9` and
/// `7z -mx=9` need 64 MiB.
const LZMA_MEMORY_KIB: u32 = 66 << 10;

/// How an entry is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Store,
    Deflate,
    Deflate64,
    Bzip2,
    Lzma,
    Zstd,
    Xz,
}

impl Method {
    /// The method of an entry, or why it cannot be unpacked.
    pub fn of(entry: &ZipFileHeaderRecord<'_>) -> Result<Method, String> {
        let (flags, method) = (entry.flags(), entry.compression_method());
        if flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked() {
            return Err("it is encrypted; unpack the archive with its password first".to_owned());
        }
        Ok(match method {
            CompressionMethod::STORE => Method::Store,
            CompressionMethod::DEFLATE => Method::Deflate,
            CompressionMethod::DEFLATE64 => Method::Deflate64,
            CompressionMethod::BZIP2 => Method::Bzip2,
            CompressionMethod::LZMA => Method::Lzma,
            CompressionMethod::ZSTD | CompressionMethod::ZSTD_DEPRECATED => Method::Zstd,
            CompressionMethod::XZ => Method::Xz,
            other => {
                return Err(format!(
                    "it is compressed by method {other}, which is not read here; unpack the archive first"
                ));
            }
        })
    }
}

/// A file in an archive.
pub struct ZipMember {
    pub archive: Arc<Archive>,
    pub place: ZipArchiveEntryWayfinder,
    pub method: Method,
    /// Where its local header is.
    pub offset: u64,
    /// Its name as it stands in the archive's directory.
    pub raw_name: Box<[u8]>,
    pub size: u64,
    pub crc: u32,
}

impl fmt::Debug for ZipMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipMember")
            .field("offset", &self.offset)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Member for ZipMember {
    fn unpack(&self, origin: &Origin, sink: &mut Unpacked<'_>) -> Result<(), PackError> {
        let fault = |error: io::Error| fault(origin, error);
        let damaged = |what| {
            let origin = origin.clone();
            Err(SourceError::DamagedMember { origin, what }.into())
        };
        let data = self.data().map_err(fault)?;
        let mut decoder = self.decoder(data).map_err(fault)?;
        let mut buffer = vec![0; (self.size.saturating_add(1)).min(PIECE_BYTES as u64) as usize];
        let (mut crc, mut done) = (flate2::Crc::new(), 0);
        loop {
            let piece = match decoder.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => &buffer[..read],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(fault(error).into()),
            };
            done += piece.len() as u64;
            if done > self.size {
                let what = format!("more than the {} bytes announced come out", self.size);
                return damaged(what);
            }
            crc.update(piece);
            sink(piece)?;
        }
        match (done == self.size, crc.sum() == self.crc) {
            (true, true) => Ok(()),
            (false, _) => damaged(format!(
                "{done} bytes come out, {} are announced",
                self.size
            )),
            (true, false) => damaged(format!(
                "its checksum (CRC-32) is {:#010x}, expected {:#010x}",
                crc.sum(),
                self.crc
            )),
        }
    }
}

impl ZipMember {
    /// Its compressed data. They belong to it alone, and to the name that the directory says: a
    /// small archive cannot give the same bytes again and again.
    fn data(&self) -> io::Result<impl BufRead> {
        let entry = self.archive.zip.get_entry(self.place);
        let entry = entry.map_err(super::rawzip_error)?;
        let (start, end) = entry.compressed_data_range();
        let headers = start.saturating_sub(self.offset) as usize;
        let mut header = vec![0; headers];
        let local = entry.local_header(&mut header);
        let local = local.map_err(super::rawzip_error)?;
        let name = local.file_path();
        if name.as_bytes() != &*self.raw_name {
            return Err(invalid(format!(
                "its own header names it \"{}\"",
                crate::pack::source::tar::shown_start(name.as_bytes())
            )));
        }
        let limit = self.archive.end_of(self.offset);
        if limit.is_none_or(|limit| end > limit) {
            return Err(invalid(
                "its bytes overlap those of another entry or of the directory".to_owned(),
            ));
        }
        let capacity = (end - start).clamp(1, PIECE_BYTES as u64);
        Ok(BufReader::with_capacity(capacity as usize, entry.reader()))
    }

    fn decoder<'a>(&self, data: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self.method {
            Method::Store => Box::new(data),
            Method::Deflate => Box::new(DeflateDecoder::new(data)),
            Method::Deflate64 => Box::new(Deflate64Decoder::with_buffer(data)),
            Method::Bzip2 => Box::new(BzDecoder::new(data)),
            Method::Lzma => Box::new(lzma(data, self.size)?),
            Method::Xz => Box::new(Xz(XzReader::new_mem_limit(data, true, LZMA_MEMORY_KIB))),
            Method::Zstd => Box::new(Zstd(None, data)),
        })
    }
}

/// LZMA as in a zip archive: the version of the encoder, the length of what follows (5), the
/// properties, and the size of the dictionary; APPNOTE.TXT 5.8.8.
fn lzma(mut data: impl BufRead, size: u64) -> io::Result<impl Read> {
    let mut head = [0; 9];
    data.read_exact(&mut head)?;
    let [_, _, 5, 0, properties, dictionary @ ..] = head else {
        return Err(invalid(
            "the head of its LZMA data makes no sense".to_owned(),
        ));
    };
    // More of a dictionary than the size of all is never used.
    let dictionary = u64::from(u32::from_le_bytes(dictionary)).min(size.max(4096)) as u32;
    let needed = lzma_get_memory_usage_by_props(dictionary, properties)?;
    if needed > LZMA_MEMORY_KIB {
        return Err(xz_error(io::ErrorKind::OutOfMemory.into(), LZMA_MEMORY_KIB));
    }
    LzmaReader::new_with_props(data, size, properties, dictionary, None)
}

struct Xz<R: Read>(XzReader<R>);

impl<R: Read> Read for Xz<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer);
        read.map_err(|error| xz_error(error, LZMA_MEMORY_KIB))
    }
}

/// Frames of zstd, one after the other.
struct Zstd<R: BufRead>(Option<Box<FrameDecoder>>, R);

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.0 {
                let read = read_zstd(frame, &mut self.1, buffer)?;
                if read > 0 {
                    return Ok(read);
                }
            }
            if self.1.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.0 = zstd_frame(&mut self.1)?;
        }
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What the system says, what this program does not do, or damage.
fn fault(origin: &Origin, error: io::Error) -> SourceError {
    let origin = origin.clone();
    let is_memory = error
        .get_ref()
        .is_some_and(|inner| inner.is::<TooMuchMemory>());
    let is_replaced = error.get_ref().is_some_and(|inner| inner.is::<Replaced>());
    match error.kind() {
        _ if is_replaced || error.raw_os_error().is_some() => {
            SourceError::Unreadable(origin, error)
        }
        _ if is_memory => SourceError::UnsupportedEntry {
            origin,
            what: error.to_string(),
        },
        io::ErrorKind::UnexpectedEof => SourceError::DamagedMember {
            origin,
            what: "its data are cut off".to_owned(),
        },
        _ => SourceError::DamagedMember {
            origin,
            what: error.to_string(),
        },
    }
}
