//! Every engine with others: a journey through the door whose users would have that combination.

use super::engines::Catalog::{DynamoDb, MySql, Postgres, Sqlite};
use super::engines::Doorbell::{Embedded, PubSub, RabbitMq};
use super::engines::Engines;
use super::engines::Objects::{Disk, Gcs, GridFs, S3};
use super::{Fleet, journeys};
use crate::fountain::Fountain;

const OPEN: &[(&str, &str)] = &[("REELMILL_SIGNUP", "open")];

macro_rules! journeys {
    ($($sentence:ident: $catalog:ident $objects:ident $doorbell:ident $journey:ident;)*) => {
        $(pub(crate) fn $sentence() {
            journeys::$journey(Fleet::start(Engines::new($catalog, $objects, $doorbell), OPEN));
        })*
    };
}

journeys! {
    the_converter_on_mysql_gridfs_and_rabbitmq: MySql GridFs RabbitMq of_the_converter;
    the_converter_on_postgres_gridfs_and_rabbitmq: Postgres GridFs RabbitMq of_the_converter;
    the_converter_on_sqlite_disk_and_rabbitmq: Sqlite Disk RabbitMq of_the_converter;
    the_converter_on_dynamodb_gridfs_and_rabbitmq: DynamoDb GridFs RabbitMq of_the_converter;
    the_site_on_mysql_and_s3: MySql S3 Embedded of_the_site;
    the_site_on_postgres_gcs_and_rabbitmq: Postgres Gcs RabbitMq of_the_site;
    the_tasks_on_postgres_gcs_and_pubsub: Postgres Gcs PubSub of_the_tasks;
    the_tasks_on_mysql_disk_and_pubsub: MySql Disk PubSub of_the_tasks;
    the_tasks_on_dynamodb_gcs_and_pubsub: DynamoDb Gcs PubSub of_the_tasks;
    the_api_on_sqlite_and_s3: Sqlite S3 Embedded of_the_api;
    the_api_on_sqlite_and_gcs: Sqlite Gcs Embedded of_the_api;
    the_api_on_sqlite_gridfs_and_pubsub: Sqlite GridFs PubSub of_the_api;
    the_api_on_postgres_s3_and_rabbitmq: Postgres S3 RabbitMq of_the_api;
    the_api_on_dynamodb_disk_and_embedded: DynamoDb Disk Embedded of_the_api;
}

fn bot(engines: Engines) {
    let fountain = Fountain::start();
    let host = fountain.host();
    let variables = [("REELMILL_SOURCES_ALLOW_HOSTS", host.as_str())];
    journeys::of_the_bot(Fleet::start(engines, &variables), &fountain);
}

pub(crate) fn the_bot_on_dynamodb_and_s3() {
    bot(Engines::new(DynamoDb, S3, Embedded));
}

pub(crate) fn the_bot_on_mysql_s3_and_pubsub() {
    bot(Engines::new(MySql, S3, PubSub));
}
