//! The client: calls and outcomes are lines of JSON (../../lines.ts).

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::schema::{DynamicCodec, SERVICE, Schema, Task};

/// As often as the client asks for a sign of life.
const KEEPALIVE: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
struct CallLine {
    id: u32,
    call: Option<Call>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    method: String,
    requests: Vec<Value>,
    #[serde(default)]
    in_turns: bool,
    #[serde(default)]
    metadata: Vec<(String, String)>,
    timeout_ms: Option<u64>,
    cancel_after: Option<usize>,
}

#[derive(Default, Serialize)]
struct Outcome {
    answers: Vec<Value>,
    headers: Map<String, Value>,
    trailers: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

pub async fn make_calls(task: Task, schema: Schema) -> Result<(), Box<dyn std::error::Error>> {
    let mut endpoint = Endpoint::from_shared(task.url.unwrap_or_default())?.http2_keep_alive_interval(KEEPALIVE);
    if let Some(cert) = task.cert_path {
        let roots = Certificate::from_pem(std::fs::read(cert)?);
        endpoint = endpoint.tls_config(ClientTlsConfig::new().ca_certificate(roots))?;
    }
    let channel = endpoint.connect_lazy();
    let mut cancels = HashMap::new();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let CallLine { id, call } = serde_json::from_str(&line)?;
        let Some(call) = call else {
            cancels.remove(&id); // Whoever waits for it to change hears of that.
            continue;
        };
        let (cancel, cancelled) = watch::channel(());
        cancels.insert(id, cancel);
        let (channel, schema) = (channel.clone(), schema.clone());
        tokio::spawn(async move {
            let line = match make_call(channel, &schema, call, cancelled).await {
                Ok(outcome) => json!({ "id": id, "outcome": outcome }),
                Err(error) => json!({ "id": id, "failure": error.to_string() }),
            };
            println!("{line}");
        });
    }
    Ok(())
}

async fn make_call(
    channel: Channel,
    schema: &Schema,
    call: Call,
    mut cancelled: watch::Receiver<()>,
) -> Result<Outcome, Box<dyn std::error::Error + Send + Sync>> {
    let method = schema
        .service
        .methods()
        .find(|method| method.name() == call.method)
        .ok_or("there is no such method")?;
    let mut requests = Vec::new();
    for request in &call.requests {
        requests.push(DynamicMessage::deserialize(method.input(), request)?);
    }
    let (turns, turn) = watch::channel(0);
    let mut outcome = Outcome::default();
    let request = make_request(&call, send(requests, call.in_turns, turn))?;
    // A call that is dropped is cancelled.
    let end = tokio::select! {
        end = receive(channel, &method, request, &call, &turns, &mut outcome) => end,
        _ = cancelled.changed() => Err(Status::cancelled("the caller gave up")),
    };
    if let Err(status) = end {
        // tonic says CANCELLED when the time of a call is over.
        let is_late = status.code() == Code::Cancelled && status.message() == "Timeout expired";
        outcome.trailers.extend(to_record(status.metadata()));
        outcome.error = Some(json!({
            "code": if is_late { Code::DeadlineExceeded } else { status.code() } as i32,
            "message": status.message(),
            "details": to_details(schema, &status)?,
        }));
    }
    Ok(outcome)
}

fn make_request<S>(call: &Call, requests: S) -> Result<Request<S>, Box<dyn std::error::Error + Send + Sync>> {
    let mut headers = tonic::codegen::http::HeaderMap::new();
    for (name, value) in &call.metadata {
        headers.append(
            tonic::codegen::http::HeaderName::from_bytes(name.as_bytes())?,
            value.parse()?,
        );
    }
    let mut request = Request::new(requests);
    *request.metadata_mut() = MetadataMap::from_headers(headers);
    if let Some(timeout_ms) = call.timeout_ms {
        request.set_timeout(Duration::from_millis(timeout_ms));
    }
    Ok(request)
}

/// The requests, each when it is its turn.
fn send(
    requests: Vec<DynamicMessage>,
    in_turns: bool,
    mut turn: watch::Receiver<usize>,
) -> ReceiverStream<DynamicMessage> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for (index, request) in requests.into_iter().enumerate() {
            if in_turns && turn.wait_for(|count| *count >= index).await.is_err() {
                return;
            }
            if sender.send(request).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(receiver)
}

async fn receive(
    channel: Channel,
    method: &MethodDescriptor,
    request: Request<ReceiverStream<DynamicMessage>>,
    call: &Call,
    turns: &watch::Sender<usize>,
    outcome: &mut Outcome,
) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let path = format!("/{SERVICE}/{}", method.name()).parse().unwrap();
    let (headers, mut answers, _) = grpc
        .streaming(request, path, DynamicCodec(method.output()))
        .await?
        .into_parts();
    outcome.headers = to_record(&headers);
    while let Some(answer) = answers.message().await? {
        outcome
            .answers
            .push(serde_json::to_value(&answer).map_err(|error| Status::internal(error.to_string()))?);
        turns.send_replace(outcome.answers.len());
        if Some(outcome.answers.len()) == call.cancel_after {
            return Err(Status::cancelled("the caller gave up"));
        }
    }
    if let Some(trailers) = answers.trailers().await? {
        outcome.trailers = to_record(&trailers);
    }
    Ok(())
}

fn to_record(metadata: &MetadataMap) -> Map<String, Value> {
    let mut values: HashMap<String, Vec<String>> = HashMap::new();
    for pair in metadata.iter() {
        let (name, text) = match pair {
            KeyAndValueRef::Ascii(name, value) => (name.to_string(), value.to_str().unwrap_or_default().to_owned()),
            KeyAndValueRef::Binary(name, value) => (
                name.to_string(),
                value
                    .to_bytes()
                    .map(|octets| BASE64_STANDARD.encode(octets))
                    .unwrap_or_default(),
            ),
        };
        values.entry(name).or_default().push(text);
    }
    values
        .into_iter()
        .map(|(name, values)| (name, Value::String(values.join(", "))))
        .collect()
}

fn to_details(schema: &Schema, status: &Status) -> Result<Vec<Value>, Box<dyn std::error::Error + Send + Sync>> {
    let whole = DynamicMessage::decode(schema.status.clone(), status.details())?;
    let mut details = Vec::new();
    for any in whole
        .get_field_by_name("details")
        .unwrap()
        .as_list()
        .unwrap_or_default()
    {
        let any = any.as_message().ok_or("a detail is no message")?;
        if crate::schema::text(any, "type_url").ends_with(schema.detail.full_name()) {
            let octets = crate::schema::octets(any, "value");
            details.push(serde_json::to_value(DynamicMessage::decode(
                schema.detail.clone(),
                octets.as_slice(),
            )?)?);
        }
    }
    Ok(details)
}
