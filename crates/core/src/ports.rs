//! What Reelmill needs of the world, each as a contract: what is promised, what a caller may see when it goes
//! wrong, what may lag.
//!
//! The crate `reelmill-conformance` holds a named test for every promise here. No method has a default body: a
//! backend says what it does.

mod catalog;
mod converter;
mod doorbell;
mod notifier;
mod objects;
mod pictures;
mod source;

pub use catalog::{
    Beat, Catalog, CatalogError, Census, ChangeQuery, JobFilter, MAX_WRITES, MOST_ACCOUNTS, Page, PageQuery,
    Part, Sequence, TaskQuery,
};
pub use converter::{Cancel, Conversion, Converted, Converter, ConverterError, Input, OnProgress};
pub use doorbell::{About, Channel, Delivery, Doorbell, DoorbellError, Foreign, Message, Ring};
pub use notifier::{Notifier, NotifierError};
pub use objects::{ByteStream, HEAD_LIMIT_BYTES, Handout, ObjectWriter, Objects, ObjectsError, Stored};
pub use pictures::{Drawn, Look, MAX_PICTURE_BYTES, MAX_SIDE_PX, PictureError, Pictures};
pub use source::{Fetch, Fetched, Source, SourceError};
