//! What echo.proto says, and messages as tonic wants them.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ServiceDescriptor, Value};
use serde::Deserialize;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

pub const SERVICE: &str = "edgewire.test.v1.EchoService";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub role: String,
    pub descriptors_path: String,
    pub cert_path: Option<String>,
    pub key_path: Option<String>,
    pub url: Option<String>,
}

#[derive(Clone)]
pub struct Schema {
    pub service: ServiceDescriptor,
    pub status: MessageDescriptor,
    pub detail: MessageDescriptor,
}

impl Schema {
    pub fn load(path: &str) -> Result<Schema, Box<dyn std::error::Error>> {
        let pool = DescriptorPool::decode(std::fs::read(path)?.as_slice())?;
        let message = |name: &str| pool.get_message_by_name(name).ok_or(format!("there is no {name}"));
        Ok(Schema {
            service: pool.get_service_by_name(SERVICE).ok_or("there is no EchoService")?,
            status: message("edgewire.test.v1.Status")?,
            detail: message("edgewire.test.v1.FailRequest")?,
        })
    }
}

pub fn text(message: &DynamicMessage, field: &str) -> String {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

pub fn octets(message: &DynamicMessage, field: &str) -> Vec<u8> {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_bytes().map(|bytes| bytes.to_vec()))
        .unwrap_or_default()
}

pub fn number(message: &DynamicMessage, field: &str) -> u32 {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_u32().or(value.as_enum_number().map(|number| number as u32)))
        .unwrap_or_default()
}

/// A message with some of its fields.
pub fn message<const N: usize>(desc: MessageDescriptor, fields: [(&str, Value); N]) -> DynamicMessage {
    let mut message = DynamicMessage::new(desc);
    for (name, value) in fields {
        message.set_field_by_name(name, value);
    }
    message
}

/// Reads messages of one type and writes those of any.
#[derive(Clone)]
pub struct DynamicCodec(pub MessageDescriptor);

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicCodec;
    type Decoder = DynamicCodec;

    fn encoder(&mut self) -> DynamicCodec {
        self.clone()
    }

    fn decoder(&mut self) -> DynamicCodec {
        self.clone()
    }
}

impl Encoder for DynamicCodec {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, output: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(output).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for DynamicCodec {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.clone(), input);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
