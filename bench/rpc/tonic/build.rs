//! Stubs of the Greeter and of Streams. `protox` stands in for `protoc`, which the crates do not bring.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let includes = ["../../../proto", "../proto"];
    let files = protox::compile(["hello.proto", "edgewire/bench/v1/streams.proto"], includes)?;
    tonic_prost_build::configure().compile_fds(files)?;
    for folder in includes {
        println!("cargo::rerun-if-changed={folder}");
    }
    Ok(())
}
