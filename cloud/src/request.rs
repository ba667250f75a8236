//! Questions to devices: property set, services, RRPC. An answer belongs to a question by device, topic and id.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{runtime, sync::oneshot, time::Instant};

use crate::{Error, device::DeviceId};

/// How long the platform waits for a device's answer unless the caller chooses (Alink, section 3.7).
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(8);

/// The longest wait that can be asked for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// An Alink request to a device: topic `/sys/{pk}/{dn}/` + method with slashes.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) params: Value,
    pub(crate) id: Option<String>,
    pub(crate) timeout: Duration,
}

impl Request {
    /// A request such as `thing.service.property.get`.
    pub fn new(method: impl Into<String>, params: Value) -> Self {
        Self {
            method: method.into(),
            params,
            id: None,
            timeout: REPLY_TIMEOUT,
        }
    }

    /// Chooses the message id; without it the platform counts.
    pub fn id(self, id: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            ..self
        }
    }

    /// Chooses how long to wait for the answer, a day at most.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The envelope, fields in the platform's order.
    pub(crate) fn payload(&self, id: &str) -> String {
        format!(
            r#"{{"method":{},"id":{},"params":{},"version":"1.0"}}"#,
            json!(self.method),
            json!(id),
            self.params
        )
    }
}

/// A synchronous call of a device: any bytes there, any bytes back.
#[derive(Debug, Clone)]
pub struct Rrpc {
    pub(crate) payload: Bytes,
    pub(crate) topic: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) unsubscribed: bool,
}

impl Rrpc {
    /// A call on `/sys/{pk}/{dn}/rrpc/request/{id}`, answered on `.../rrpc/response/{id}`.
    pub fn new(payload: impl Into<Vec<u8>>) -> Self {
        Self {
            payload: Bytes::from(payload.into()),
            topic: None,
            timeout: REPLY_TIMEOUT,
            unsubscribed: false,
        }
    }

    /// Uses the extended family instead: `/ext/rrpc/{id}/{topic}`, answered on the same topic. The device must have
    /// connected with `ext=1`.
    pub fn topic(self, topic: impl Into<String>) -> Self {
        Self {
            topic: Some(topic.into()),
            ..self
        }
    }

    /// Chooses how long to wait for the answer, a day at most.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends even if the device did not subscribe.
    pub fn unsubscribed(self) -> Self {
        Self {
            unsubscribed: true,
            ..self
        }
    }
}

/// What a device answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// The message id of question and answer.
    pub id: String,
    /// The answer's payload.
    #[serde(skip)]
    pub payload: Bytes,
}

impl Reply {
    /// The payload as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_default()
    }

    /// The envelope's `code`.
    pub fn code(&self) -> Option<i64> {
        self.json().get("code").and_then(Value::as_i64)
    }

    /// The envelope's `data`; null without one.
    pub fn data(&self) -> Value {
        self.json().get("data").cloned().unwrap_or_default()
    }
}

/// What an answer must carry to belong to a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Expected {
    pub(crate) device: DeviceId,
    pub(crate) topic: String,
    /// `None` where the topic itself carries the id.
    pub(crate) id: Option<String>,
}

/// The questions that wait for their answer.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<HashMap<Expected, oneshot::Sender<Bytes>>>);

impl Waiting {
    /// Hands an answer to its question; false if nobody waits for it (any more).
    pub(crate) fn answer(&self, expected: &Expected, payload: &Bytes) -> bool {
        let waiting = self
            .0
            .lock()
            .expect("no panic while locked")
            .remove(expected);
        waiting.is_some_and(|sender| sender.send(payload.clone()).is_ok())
    }

    /// Nothing will be answered any more.
    pub(crate) fn end(&self) {
        self.0.lock().expect("no panic while locked").clear();
    }
}

/// A question under way. Dropping it ends the interest in its answer.
#[derive(Debug)]
pub struct Call {
    id: String,
    receiver: oneshot::Receiver<Bytes>,
    deadline: Instant,
    expected: Expected,
    waiting: Arc<Waiting>,
}

impl Call {
    pub(crate) fn start(
        waiting: &Arc<Waiting>,
        id: String,
        expected: Expected,
        timeout: Duration,
    ) -> Self {
        let (sender, receiver) = oneshot::channel();
        waiting
            .0
            .lock()
            .expect("no panic while locked")
            .insert(expected.clone(), sender);
        let deadline = Instant::now() + timeout.min(LONGEST);
        Self {
            id,
            receiver,
            deadline,
            expected,
            waiting: Arc::clone(waiting),
        }
    }

    /// The message id the question went out with.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Waits for the answer, until the time given with the question is over. Not from inside an async runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] when nothing came in time, or the platform stopped; [`Error::Runtime`] when waiting itself
    /// fails.
    pub fn wait(self) -> Result<Reply, Error> {
        // Not the platform's runtime: that one may be gone before the caller comes to wait.
        let runtime = runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(Error::Runtime)?;
        runtime.block_on(self.finished())
    }

    pub(crate) async fn finished(mut self) -> Result<Reply, Error> {
        match tokio::time::timeout_at(self.deadline, &mut self.receiver).await {
            Ok(Ok(payload)) => Ok(Reply {
                id: self.id.clone(),
                payload,
            }),
            Ok(Err(_)) | Err(_) => Err(Error::Timeout),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // A later question with the same id may have taken the place: then its sender is the one that is still open.
        let mut waiting = self.waiting.0.lock().expect("no panic while locked");
        self.receiver.close();
        if waiting
            .get(&self.expected)
            .is_some_and(oneshot::Sender::is_closed)
        {
            waiting.remove(&self.expected);
        }
    }
}
