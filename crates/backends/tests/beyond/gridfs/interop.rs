//! What another driver makes of our files, and we of its.

use reelmill_core::ports::ObjectsError;

use super::place::{Place, content, key};

pub(crate) async fn pymongo_reads_what_we_write() {
    let place = Place::new().await;
    let mut fids = Vec::new();
    for length in [0_usize, 1, 261_120, 261_121, 3_000_000] {
        fids.push(place.put(&format!("media/{length}"), &content(length)).await.unwrap());
    }
    let script = format!(
        "\
fs = gridfs.GridFS(videos)
for fid, length in zip({fids:?}, [0, 1, 261120, 261121, 3000000]):
    file = fs.get(ObjectId(fid))
    assert file.read() == content(length), length
    assert (file.length, file.chunk_size, file.filename) == (length, 255 * 1024, f'media/{{length}}'), file
    assert fs.get_last_version(f'media/{{length}}')._id == ObjectId(fid)
    assert file.upload_date.year >= 2024
    chunks = list(videos.fs.chunks.find({{'files_id': ObjectId(fid)}}, {{'data': 0}}).sort('n'))
    assert [chunk['n'] for chunk in chunks] == list(range(-(-length // 261120))), chunks
    assert videos.fs.files.find_one(ObjectId(fid)).keys() == {{'_id', 'length', 'chunkSize', 'uploadDate', 'filename'}}
    file.seek(max(length - 3, 0))
    assert file.read() == content(length)[-3:]
by = lambda collection: {{tuple(index['key']): index.get('unique', False) for index in collection.list_indexes()}}
assert by(videos.fs.files)[('filename', 'uploadDate')] is False
assert by(videos.fs.chunks)[('files_id', 'n')] is True
print('read')
"
    );
    assert_eq!(place.python(&script).await, "read");
}

pub(crate) async fn we_read_what_pymongo_writes_in_chunks_of_any_size() {
    let place = Place::new().await;
    let script = "\
fs = gridfs.GridFS(videos)
for size in (1000, 65536, 261120, 3000000):
    fs.put(content(1200003), filename=f'media/{size}', chunk_size=size)
fs.put(b'', filename='media/none')
fs.put(b'by name', filename='media/named', _id='not an ObjectId')
videos.fs.files.update_one({'filename': 'media/1000'}, {'$set': {'length': 1200003.0, 'chunkSize': Int64(1000)}})
";
    place.python(script).await;
    let expected = content(1_200_003);
    for size in ["1000", "65536", "261120", "3000000"] {
        let name = format!("media/{size}");
        assert_eq!(place.objects.size(&key(&name)).await.unwrap(), 1_200_003);
        for (start, end) in
            [(0, 1_200_003), (999, 1001), (1_000, 2_000), (65_535, 524_289), (1_200_002, 1_200_003), (7, 7)]
        {
            let read = place.read(&name, start as u64..end as u64).await.unwrap();
            assert!(read == expected[start..end], "{name} {start}..{end}");
        }
        let beyond = place.read(&name, 0..1_200_004).await;
        assert!(matches!(beyond, Err(ObjectsError::OutOfRange)), "{beyond:?}");
    }
    assert_eq!(place.read("media/none", 0..0).await.unwrap(), b"");
    assert_eq!(place.read("media/named", 0..7).await.unwrap(), b"by name");
    for name in ["media/named", "media/1000", "media/none", "media/65536", "media/261120", "media/3000000"] {
        place.objects.delete(&key(name)).await.unwrap();
    }
    assert_eq!(place.chunks().await, 0);
}

pub(crate) async fn a_file_of_pymongos_is_in_the_way_of_one_of_ours() {
    let place = Place::new().await;
    let mut late = place.objects.create(&key("media/late")).await.unwrap();
    late.write(content(300_000).into()).await.unwrap();
    place
        .python(
            "for name in ('early', 'late'): gridfs.GridFS(videos).put(b'theirs', filename=f'media/{name}')",
        )
        .await;
    let refused = place.objects.create(&key("media/early")).await.err();
    assert!(matches!(refused, Some(ObjectsError::Conflict(_))), "{refused:?}");
    let refused = late.finish().await.err();
    assert!(matches!(refused, Some(ObjectsError::Conflict(_))), "{refused:?}");
    assert_eq!(place.read("media/late", 0..6).await.unwrap(), b"theirs");
    assert_eq!(place.chunks().await, 2, "what lost is still there");
}

pub(crate) async fn of_pymongos_files_of_one_name_the_newest_is_read() {
    let place = Place::new().await;
    let script = "\
import time
for word in (b'old', b'new'):
    gridfs.GridFS(videos).put(word, filename='media/a')
    time.sleep(0.01)
";
    place.python(script).await;
    assert_eq!(place.read("media/a", 0..3).await.unwrap(), b"new");
    place.objects.delete(&key("media/a")).await.unwrap();
    assert!(matches!(place.objects.size(&key("media/a")).await, Err(ObjectsError::NotFound(_))));
    assert_eq!(place.chunks().await, 0);
}

pub(crate) async fn results_and_what_is_sent_in_are_in_two_databases() {
    let place = Place::new().await;
    for name in ["media/a", "movies/b", "7/c", "images/d", "outputs/e.mp3", "audio/f.dca"] {
        place.put(name, b"x").await;
        assert_eq!(place.objects.size(&key(name)).await.unwrap(), 1);
    }
    let script = "\
names = lambda database: sorted(file['filename'] for file in database.fs.files.find())
print(names(videos), names(mp3s))
";
    let expected = "['7/c', 'images/d', 'media/a', 'movies/b'] ['audio/f.dca', 'outputs/e.mp3']";
    assert_eq!(place.python(script).await, expected);
}
