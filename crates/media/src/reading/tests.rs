//! Readers over a source that counts what it is asked for and says what it costs, without ever waiting.

use std::sync::Mutex;
use std::time::Duration;

use super::*;

const STORE: Pace = Pace { first_byte: Duration::from_millis(20), bytes_per_second: 50_000_000 };

/// What a source was asked for: where each row of reads began, and how long it was.
type Log = Arc<Mutex<Vec<Range<u64>>>>;

/// Bytes that tell their own place, `pace` away.
struct Counted {
    size_bytes: u64,
    position: u64,
    pace: Pace,
    log: Log,
    fails_at: u64,
}

fn byte_at(position: u64) -> u8 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.size_bytes.saturating_sub(self.position)).unwrap();
        let count = buffer.len().min(rest).min(50_000);
        for (index, byte) in buffer[..count].iter_mut().enumerate() {
            *byte = byte_at(self.position + index as u64);
        }
        let end = self.position + count as u64;
        if (self.position..end).contains(&self.fails_at) {
            return Err(io::Error::other("the store is gone"));
        }
        let mut log = self.log.lock().unwrap();
        match log.last_mut().filter(|last| last.end == self.position) {
            Some(last) => last.end = end,
            None => log.push(self.position..end),
        }
        self.position = end;
        Ok(count)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(position) = to else { panic!("only its size is asked for") };
        self.position = position;
        Ok(position)
    }
}

impl Source for Counted {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.size_bytes)
    }

    fn pace(&self) -> Option<Pace> {
        Some(self.pace)
    }
}

fn reader(pace: Pace, fails_at: u64) -> (Reader, Log) {
    let log = Log::default();
    let source = Counted { size_bytes: 20_000_000, position: 0, pace, log: Arc::clone(&log), fails_at };
    (Reader::new(Box::new(source), Arc::default()), log)
}

fn take(reader: &mut Reader, range: Range<u64>) -> io::Result<()> {
    reader.seek(SeekFrom::Start(range.start))?;
    let mut buffer = vec![0; usize::try_from(range.end - range.start).unwrap()];
    reader.read_exact(&mut buffer)?;
    assert!(buffer.iter().zip(range).all(|(byte, position)| *byte == byte_at(position)));
    Ok(())
}

#[test]
fn a_plan_is_what_a_far_source_is_asked_for_and_no_more() {
    for pace in [STORE, Pace::LOCAL] {
        let (mut reader, log) = reader(pace, u64::MAX);
        let pieces: Vec<_> = (0..300).map(|piece| piece * 60_000..piece * 60_000 + 5000).collect();
        let far = [19_000_000..19_000_500, 3_000_000..3_000_100];
        let all: Vec<_> = pieces.into_iter().chain(far).collect();
        reader.follow(joined(all.clone().into_iter()));
        for piece in all {
            take(&mut reader, piece).unwrap();
        }
        drop(reader);
        let log = log.lock().unwrap().clone();
        // The gap before the last pieces is just over a megabyte.
        assert_eq!(log, [0..17_945_000, 19_000_000..19_000_500, 3_000_000..3_000_100]);
    }
}

#[test]
fn who_leaves_the_plan_is_served_and_may_come_back() {
    let (mut reader, _) = reader(STORE, u64::MAX);
    reader.follow(joined([0..300_000, 10_000_000..10_300_000].into_iter()));
    take(&mut reader, 0..100_000).unwrap();
    take(&mut reader, 15_000_000..15_000_100).unwrap();
    take(&mut reader, 100_000..300_000).unwrap();
    take(&mut reader, 10_000_000..10_300_000).unwrap();
}

#[test]
fn tables_are_asked_for_once_and_reading_in_a_row_becomes_one_request() {
    let (mut reader, log) = reader(STORE, u64::MAX);
    reader.read_straight();
    for _ in 0..3 {
        take(&mut reader, 0..1000).unwrap();
        take(&mut reader, 19_990_000..20_000_000).unwrap();
    }
    assert_eq!(*log.lock().unwrap(), [0..131_072, 19_990_000..20_000_000]);
    for start in (0..19_000_000).step_by(32_768) {
        take(&mut reader, start..start + 32_768).unwrap();
    }
    drop(reader);
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 3, "{log:?}");
    assert_eq!(log[2].start, 131_072);
}

#[test]
fn the_first_look_reads_little_ahead() {
    let (mut reader, log) = reader(STORE, u64::MAX);
    reader.follow(straight(0..20_000_000));
    take(&mut reader, 0..1000).unwrap();
    drop(reader);
    let read = log.lock().unwrap().last().unwrap().end;
    assert!(read <= 131_072 * 10, "{read}");
}

#[test]
fn an_error_of_the_source_arrives_where_the_bytes_are_missing() {
    for pace in [STORE, Pace::LOCAL] {
        let (mut reader, _) = reader(pace, 5_000_000);
        reader.follow(straight(0..20_000_000));
        take(&mut reader, 0..4_000_000).unwrap();
        let error = take(&mut reader, 4_000_000..6_000_000).unwrap_err();
        assert_eq!(error.to_string(), "the store is gone");
    }
}

#[test]
fn who_waits_is_told_to_stop() {
    /// Never answers, as long as it is asked to.
    struct Silent(Arc<AtomicBool>);
    impl Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            while !self.0.load(std::sync::atomic::Ordering::Relaxed) {
                std::thread::yield_now();
            }
            Ok(0)
        }
    }
    impl Seek for Silent {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    impl Source for Silent {
        fn size_bytes(&self) -> Option<u64> {
            Some(1_000_000)
        }
        fn pace(&self) -> Option<Pace> {
            Some(STORE)
        }
    }
    let (cancel, release) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let mut reader = Reader::new(Box::new(Silent(Arc::clone(&release))), Arc::clone(&cancel));
    reader.follow(straight(0..1_000_000));
    cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(reader.read(&mut [0; 10]).unwrap_err().to_string(), "cancelled");
    release.store(true, std::sync::atomic::Ordering::Relaxed);
}
