//! The server.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{self, HeaderMap};
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status, Streaming};

use crate::schema::{DynamicCodec, SERVICE, Schema, Task, message, number, octets, text};

type Answers = mpsc::Sender<Result<DynamicMessage, Status>>;

pub async fn serve(task: Task, schema: Schema) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?.port());
    let mut server = Server::builder();
    if let (Some(cert), Some(key)) = (task.cert_path, task.key_path) {
        let identity = Identity::from_pem(std::fs::read(cert)?, std::fs::read(key)?);
        server = server.tls_config(ServerTlsConfig::new().identity(identity))?;
    }
    let echo = EchoServer(Arc::new(Echo {
        schema,
        waits: Mutex::default(),
    }));
    server
        .add_service(echo)
        .serve_with_incoming(TcpIncoming::from(listener))
        .await?;
    Ok(())
}

struct Echo {
    schema: Schema,
    /// How far the calls that wait have got.
    waits: Mutex<HashMap<String, watch::Sender<u32>>>,
}

impl Echo {
    fn wait_of(&self, id: String) -> watch::Sender<u32> {
        self.waits
            .lock()
            .unwrap()
            .entry(id)
            .or_insert_with(|| watch::channel(0).0)
            .clone()
    }

    async fn answer(
        &self,
        method: &MethodDescriptor,
        mut requests: Streaming<DynamicMessage>,
        timeout_ms: u32,
        answers: &Answers,
    ) -> Result<(), Status> {
        let answer = |fields| Ok(message(method.output(), fields));
        let short = |fields| Ok(message(method.output(), fields));
        let send = async |answer| {
            answers
                .send(answer)
                .await
                .map_err(|_| Status::cancelled("nobody listens"))
        };
        let (mut count, mut texts, mut data) = (0, String::new(), Vec::new());
        while let Some(request) = requests.next().await {
            let request = request?;
            count += 1;
            match method.name() {
                "Unary" | "Get" | "BidiStream" => {
                    let fields = [
                        ("text", Value::String(text(&request, "text"))),
                        ("data", Value::Bytes(octets(&request, "data").into())),
                        ("number", Value::U32(count)),
                        ("timeout_ms", Value::U32(timeout_ms)),
                    ];
                    send(answer(fields)).await?;
                }
                "ClientStream" => {
                    texts.push_str(&text(&request, "text"));
                    data.extend(octets(&request, "data"));
                }
                "ServerStream" | "FailStream" | "Fail" => {
                    for index in 0..number(&request, "answers") {
                        let text = if method.name() == "ServerStream" {
                            text(&request, "text")
                        } else {
                            String::new()
                        };
                        send(short([("text", Value::String(text)), ("number", Value::U32(index))])).await?;
                    }
                    if method.name() != "ServerStream" {
                        return Err(self.failure(&request));
                    }
                }
                "Wait" | "WaitStream" => {
                    let states = self.wait_of(text(&request, "id"));
                    states.send_modify(|count| *count += 1);
                    if method.name() == "WaitStream" {
                        send(Ok(DynamicMessage::new(method.output()))).await?;
                    }
                    answers.closed().await;
                    states.send_modify(|count| *count += 1);
                }
                "Observe" => {
                    let (id, state) = (text(&request, "id"), number(&request, "state"));
                    let mut states = self.wait_of(id).subscribe();
                    states
                        .wait_for(|count| *count >= state)
                        .await
                        .map_err(|error| Status::internal(error.to_string()))?;
                    send(Ok(DynamicMessage::new(method.output()))).await?;
                }
                name => return Err(Status::internal(format!("cannot answer {name}"))),
            }
        }
        if method.name() == "ClientStream" {
            let fields = [
                ("text", Value::String(texts)),
                ("data", Value::Bytes(data.into())),
                ("number", Value::U32(count)),
                ("timeout_ms", Value::U32(0)),
            ];
            send(answer(fields)).await?;
        }
        Ok(())
    }

    fn failure(&self, request: &DynamicMessage) -> Status {
        let (code, text) = (number(request, "code") as i32, text(request, "message"));
        let mut status = message(
            self.schema.status.clone(),
            [("code", Value::I32(code)), ("message", Value::String(text.clone()))],
        );
        let any = self
            .schema
            .status
            .get_field_by_name("details")
            .unwrap()
            .kind()
            .as_message()
            .unwrap()
            .clone();
        let url = format!("type.googleapis.com/{}", self.schema.detail.full_name());
        let fields = [
            ("type_url", Value::String(url)),
            ("value", Value::Bytes(request.encode_to_vec().into())),
        ];
        status.set_field_by_name("details", Value::List(vec![Value::Message(message(any, fields))]));
        Status::with_details(Code::from(code), text, status.encode_to_vec().into())
    }
}

#[derive(Clone)]
struct EchoServer(Arc<Echo>);

impl NamedService for EchoServer {
    const NAME: &'static str = SERVICE;
}

impl Service<http::Request<Body>> for EchoServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let echo = self.0.clone();
        let name = request.uri().path().rsplit('/').next().unwrap_or_default();
        let method = echo
            .schema
            .service
            .methods()
            .find(|method| method.name() == name && name != "Unimplemented");
        Box::pin(async move {
            let Some(method) = method else {
                return Ok(Status::unimplemented("there is no such method").into_http());
            };
            let trailers = pick(request.headers(), ["x-trailer", "x-trailer-bin"]);
            let codec = DynamicCodec(method.input());
            let response = Grpc::new(codec).streaming(Call { echo, method }, request).await;
            // tonic has no trailers but those of errors.
            Ok(response.map(|body| Body::new(body.with_trailers(async { Some(Ok(trailers)) }))))
        })
    }
}

struct Call {
    echo: Arc<Echo>,
    method: MethodDescriptor,
}

impl StreamingService<DynamicMessage> for Call {
    type Response = DynamicMessage;
    type ResponseStream = ReceiverStream<Result<DynamicMessage, Status>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<DynamicMessage>>) -> Self::Future {
        let (echo, method) = (self.echo.clone(), self.method.clone());
        let (metadata, _, requests) = request.into_parts();
        let metadata = metadata.into_headers();
        let timeout_ms = metadata
            .get("grpc-timeout")
            .and_then(|value| parse_timeout(value.to_str().ok()?));
        let (answers, stream) = mpsc::channel(1);
        tokio::spawn(async move {
            if let Err(status) = echo.answer(&method, requests, timeout_ms.unwrap_or(0), &answers).await {
                let _ = answers.send(Err(status)).await; // If somebody listens.
            }
        });
        let mut response = Response::new(ReceiverStream::new(stream));
        *response.metadata_mut() = MetadataMap::from_headers(pick(&metadata, ["x-header", "x-header-bin"]));
        ready(Ok(response))
    }
}

fn pick(headers: &HeaderMap, names: [&'static str; 2]) -> HeaderMap {
    let mut picked = HeaderMap::new();
    for name in names {
        for value in headers.get_all(name) {
            picked.append(name, value.clone());
        }
    }
    picked
}

/// In milliseconds.
fn parse_timeout(value: &str) -> Option<u32> {
    let (digits, unit) = value.split_at(value.len().checked_sub(1)?);
    let number: f64 = digits.parse().ok()?;
    let unit_ms = match unit {
        "H" => 3_600_000.0,
        "M" => 60_000.0,
        "S" => 1000.0,
        "m" => 1.0,
        "u" => 1e-3,
        "n" => 1e-6,
        _ => return None,
    };
    Some((number * unit_ms) as u32)
}
