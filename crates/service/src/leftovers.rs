//! Objects that did not become visible, or no longer are: on record until they are gone.

use reelmill_core::ports::CatalogError;
use reelmill_core::{Holder, Intent, Key, Write};
use tracing::warn;

use crate::{Error, Service};

impl Service {
    /// An intent for an object that is to be deleted.
    pub(crate) fn condemned(&self, key: &Key) -> Write {
        let now = self.now();
        Write::AddIntent(Intent {
            key: key.clone(),
            holder: Holder::Condemned { since: now },
            beats: 0,
            created_at: now,
        })
    }

    /// Deletes an object that did not become visible, on record until it is gone. Its writer must have ended. Never
    /// fails: what cannot be done now the collector does.
    pub(crate) async fn discard(&self, key: &Key) {
        if self.condemn(key).await {
            self.delete_condemned(key).await;
        }
    }

    /// Leaves an object that did not become visible to the collector; `false` where there is nothing to be deleted.
    pub(crate) async fn condemn(&self, key: &Key) -> bool {
        match self.catalog().commit(vec![Write::Condemn(key.clone(), self.now())]).await {
            Ok(()) => return true,
            // It became visible after all, or it was collected.
            Err(CatalogError::Conflict) => {}
            Err(error) => warn!(object.key = %key, %error, "an object waits for the collector"),
        }
        false
    }

    /// Deletes an object whose intent is condemned.
    pub(crate) async fn delete_condemned(&self, key: &Key) {
        let gone = self.objects().delete(key).await.map_err(Error::from);
        let forgotten = match gone {
            Ok(()) => {
                self.catalog().commit(vec![Write::ForgetIntent(key.clone())]).await.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = forgotten {
            warn!(object.key = %key, error = ?error, "an object waits for the collector");
        }
    }
}
