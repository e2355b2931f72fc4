//! The content of a record that stands in the input right behind what says its size.

use super::Content;
use std::io::{self, Read};
use std::sync::mpsc::{SyncSender, sync_channel};

/// The content of a record whose header has been read, and whose `size` bytes come next: at once
/// where they are few, else in pieces, which are sent when `send` is called.
pub struct InlineContent {
    left: u64,
    sender: Option<SyncSender<Vec<u8>>>,
}

/// Records up to this size are read at once; larger ones go through in pieces of this size.
const PIECE_BYTES: u64 = 1 << 20;

impl InlineContent {
    pub fn begin(size: u64, input: &mut impl Read) -> io::Result<(Content, InlineContent)> {
        if size <= PIECE_BYTES {
            let content = read_exactly(size, input)?;
            let nothing = InlineContent {
                left: 0,
                sender: None,
            };
            return Ok((Content::Bytes(content), nothing));
        }
        // One piece waits while the next one is read.
        let (sender, receiver) = sync_channel(1);
        let rest = InlineContent {
            left: size,
            sender: Some(sender),
        };
        Ok((Content::Pieces(receiver), rest))
    }

    /// Reads what has not been read, and passes it on as long as it is wanted. Returns how much is
    /// left then. If the input fails, the channel closes early, and the source says why.
    pub fn send(mut self, input: &mut impl Read) -> io::Result<u64> {
        let Some(sender) = self.sender else {
            return Ok(self.left);
        };
        while self.left > 0 {
            let piece = read_exactly(self.left.min(PIECE_BYTES), input)?;
            self.left -= piece.len() as u64;
            if sender.send(piece).is_err() {
                break;
            }
        }
        Ok(self.left)
    }
}

fn read_exactly(size: u64, input: &mut impl Read) -> io::Result<Vec<u8>> {
    // At most one piece, so a size that lies cannot ask for much memory.
    let mut bytes = vec![0; size as usize];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
