//! The same job by plain calls of the SDK: an item a job in one table with an index of what is due, an item an output.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection, ProjectionType, Put, ScalarAttributeType, TransactWriteItem, Update,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use reelmill_core::Job;

use crate::{Failure, Taken, Taker, jobs};

const DUE: &str = "due";

pub(crate) struct Items {
    client: Client,
    table: String,
}

impl Items {
    /// Makes a table of its own where the catalog of that URL is.
    pub(crate) async fn open(url: &str) -> Result<Self, Failure> {
        let url = url::Url::parse(url)?;
        let region = Region::new(url.host_str().ok_or("the URL names no region")?.to_owned());
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).region(region);
        if let Some((_, endpoint)) = url.query_pairs().find(|(name, _)| name == "endpoint") {
            config = config.endpoint_url(endpoint);
        }
        let client = Client::new(&config.load().await);
        let items = Self { client, table: format!("plain-{}", uuid::Uuid::new_v4()) };
        items.make().await?;
        Ok(items)
    }

    async fn make(&self) -> Result<(), Failure> {
        let attribute =
            |name, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
        let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let due = GlobalSecondaryIndex::builder()
            .index_name(DUE)
            .key_schema(key("state", KeyType::Hash)?)
            .key_schema(key("due_at_ms", KeyType::Range)?)
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()?;
        self.client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("id", ScalarAttributeType::S)?)
            .attribute_definitions(attribute("state", ScalarAttributeType::S)?)
            .attribute_definitions(attribute("due_at_ms", ScalarAttributeType::N)?)
            .key_schema(key("id", KeyType::Hash)?)
            .global_secondary_indexes(due)
            .send()
            .await?;
        let made = self.client.wait_until_table_exists().table_name(&self.table);
        made.wait(Duration::from_mins(1)).await?;
        Ok(())
    }

    async fn enqueue(&self, job: &Job) -> Result<(), Failure> {
        let item = HashMap::from([
            ("id".to_owned(), text(&job.id)),
            ("state".to_owned(), text("queued")),
            ("due_at_ms".to_owned(), number(job.created_at.as_ms())),
            ("version".to_owned(), number(1)),
            ("beats".to_owned(), number(0)),
            ("body".to_owned(), text(&serde_json::to_string(job)?)),
        ]);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.condition_expression("attribute_not_exists(id)").send().await?;
        Ok(())
    }

    async fn look(&self) -> Result<(), Failure> {
        let query = self.client.query().table_name(&self.table).index_name(DUE).limit(1);
        query
            .key_condition_expression("#state = :queued AND due_at_ms <= :now")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":queued", text("queued"))
            .expression_attribute_values(":now", number(i64::MAX))
            .send()
            .await?;
        Ok(())
    }

    async fn claim(&self, job: &Job, token: &str) -> Result<(), Failure> {
        let update = self.client.update_item().table_name(&self.table).key("id", text(&job.id));
        update
            .update_expression("SET #state = :running, version = :new, #token = :token, body = :body")
            .condition_expression("version = :old")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":running", text("running"))
            .expression_attribute_values(":old", number(1))
            .expression_attribute_values(":new", number(2))
            .expression_attribute_values(":token", text(token))
            .expression_attribute_values(":body", text(&serde_json::to_string(job)?))
            .send()
            .await?;
        Ok(())
    }

    async fn beat(&self, job: &Job, token: &str) -> Result<(), Failure> {
        let update = self.client.update_item().table_name(&self.table).key("id", text(&job.id));
        update
            .update_expression("SET beats = beats + :one")
            .condition_expression("#token = :token")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":token", text(token))
            .send()
            .await?;
        Ok(())
    }

    async fn finish(&self, job: &Job) -> Result<(), Failure> {
        let (done, output) = jobs::done(job)?;
        let update = Update::builder()
            .table_name(&self.table)
            .key("id", text(&job.id))
            .update_expression("SET #state = :done, version = :new, body = :body REMOVE #token")
            .condition_expression("version = :old")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":done", text("done"))
            .expression_attribute_values(":old", number(2))
            .expression_attribute_values(":new", number(3))
            .expression_attribute_values(":body", text(&serde_json::to_string(&done)?))
            .build()?;
        let put = Put::builder()
            .table_name(&self.table)
            .item("id", text(&output.id))
            .item("media", text(&output.media_id))
            .item("body", text(&serde_json::to_string(&output)?))
            .condition_expression("attribute_not_exists(id)")
            .build()?;
        let both = self.client.transact_write_items();
        both.transact_items(TransactWriteItem::builder().update(update).build())
            .transact_items(TransactWriteItem::builder().put(put).build())
            .send()
            .await?;
        Ok(())
    }
}

impl Taker for Items {
    fn take(&self, job: Job) -> Taken<'_> {
        Box::pin(async move {
            self.enqueue(&job).await?;
            self.look().await?;
            let claimed = jobs::claimed(&job)?;
            let token = claimed.claim().map(|claim| claim.token.nonce.to_string()).unwrap_or_default();
            self.claim(&claimed, &token).await?;
            self.beat(&claimed, &token).await?;
            self.finish(&claimed).await
        })
    }
}

fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
