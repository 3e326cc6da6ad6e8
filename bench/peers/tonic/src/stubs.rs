//! What `build.rs` makes of the protos.

pub mod hello {
    tonic::include_proto!("_");
}

pub mod bench {
    tonic::include_proto!("edgewire.bench.v1");
}
