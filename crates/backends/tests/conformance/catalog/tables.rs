//! A catalog in DynamoDB for a case: two tables of a random name, gone when the case is over.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use reelmill_backends::{AwsKeys, Deployment, catalog};
use reelmill_core::ports::Catalog;

/// Where a server is.
pub(crate) const SERVER: &str = "REELMILL_TEST_DYNAMODB";

/// Two tables that nobody else uses.
pub(crate) struct Tables {
    pub(crate) endpoint: String,
    pub(crate) songs: String,
    pub(crate) operations: String,
}

impl Tables {
    pub(crate) fn fresh() -> Self {
        let name = uuid::Uuid::new_v4().simple().to_string();
        let endpoint = std::env::var(SERVER).unwrap().trim_end_matches('/').to_owned();
        Self { endpoint, songs: format!("songs-{name}"), operations: format!("operations-{name}") }
    }

    pub(crate) async fn open(&self) -> Arc<dyn Catalog> {
        self.open_at(&self.endpoint).await
    }

    /// Opens them on another way to the server.
    pub(crate) async fn open_at(&self, endpoint: &str) -> Arc<dyn Catalog> {
        let Self { songs, operations, .. } = self;
        let url = format!(
            "dynamodb://us-east-1?songs={songs}&operations={operations}&endpoint={endpoint}&objects=s3://bucket/some"
        );
        let keys =
            AwsKeys { access_key: "reelmill".to_owned(), secret_key: "reelmill-secret".to_owned().into() };
        let deployment = Deployment { aws_keys: Some(keys), ..Deployment::within(std::env::temp_dir()) };
        catalog::open(&url, &deployment).await.unwrap()
    }

    /// The local server looks at no signature, so that a plain request does.
    fn drop_table(&self, name: &str) -> std::io::Result<()> {
        let host = self.endpoint.trim_start_matches("http://");
        let body = format!("{{\"TableName\":\"{name}\"}}");
        let mut connection = TcpStream::connect(host)?;
        let signature = "AWS4-HMAC-SHA256 Credential=reelmill/20260101/us-east-1/dynamodb/aws4_request, \
                         SignedHeaders=host, Signature=0";
        write!(
            connection,
            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: DynamoDB_20120810.DeleteTable\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        connection.read_to_end(&mut Vec::new()).map(drop)
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        for table in [&self.songs, &self.operations] {
            // What is left over is gone with the server.
            let _ = self.drop_table(table);
        }
    }
}
