//! Rewrites the boxes of a real MP4, for files that no writer at hand makes.

/// Boxes that hold others, on the way to the offsets.
const CONTAINERS: [&[u8]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

/// An MP4 whose movie box comes last.
pub(crate) struct Movie<'a> {
    bytes: &'a [u8],
    media: usize,
    moov: usize,
}

/// The kind and size of the box at `offset`.
fn header(bytes: &[u8], offset: usize) -> Result<(&[u8], usize), String> {
    let head = bytes.get(offset..offset + 8).ok_or("it ends within a box")?;
    let size = usize::try_from(u32::from_be_bytes([head[0], head[1], head[2], head[3]])).unwrap_or(0);
    if size < 8 || offset + size > bytes.len() {
        return Err(format!("a box of {size} bytes"));
    }
    Ok((&head[4..], size))
}

impl<'a> Movie<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, String> {
        let (mut offset, mut media, mut moov) = (0, None, None);
        while offset < bytes.len() {
            let (kind, size) = header(bytes, offset)?;
            match kind {
                b"mdat" => media = Some(offset),
                b"moov" => moov = Some(offset),
                _ => {}
            }
            offset += size;
        }
        match (media, moov) {
            (Some(media), Some(moov)) if media < moov => Ok(Self { bytes, media, moov }),
            _ => Err("its movie box does not come last".to_owned()),
        }
    }

    /// The file with its media `gap` bytes further behind: in front of it stands the header of a box as long as the
    /// gap, and every offset has 64 bits. Also where the rest of the gap begins, which is not among the bytes.
    pub(crate) fn behind(&self, gap: u64) -> Result<(Vec<u8>, u64), String> {
        let mut out = self.bytes[..self.media].to_vec();
        out.extend_from_slice(&[0, 0, 0, 1]);
        out.extend_from_slice(b"free");
        out.extend_from_slice(&gap.to_be_bytes());
        let hole = out.len() as u64;
        out.extend_from_slice(&self.bytes[self.media..self.moov]);
        rewrite(self.bytes, self.moov, gap, &mut out)?;
        Ok((out, hole))
    }
}

fn rewrite(bytes: &[u8], offset: usize, gap: u64, out: &mut Vec<u8>) -> Result<(), String> {
    let (kind, size) = header(bytes, offset)?;
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    if CONTAINERS.contains(&kind) {
        out.extend_from_slice(kind);
        let mut child = offset + 8;
        while child < offset + size {
            rewrite(bytes, child, gap, out)?;
            child += header(bytes, child)?.1;
        }
    } else if kind == b"stco" {
        out.extend_from_slice(b"co64");
        out.extend_from_slice(&bytes[offset + 8..offset + 16]);
        for entry in bytes[offset + 16..offset + size].chunks_exact(4) {
            let moved = u64::from(u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]])) + gap;
            out.extend_from_slice(&moved.to_be_bytes());
        }
    } else {
        out.extend_from_slice(&bytes[offset + 4..offset + size]);
    }
    let length = u32::try_from(out.len() - start).map_err(|error| error.to_string())?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}
