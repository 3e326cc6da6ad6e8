//! Stubs of the Greeter and of what the benchmark has beside it. `protox` stands in for `protoc`, which the crates do not bring.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let includes = ["../../../proto", "../../proto"];
    let bench = ["blobs", "profiles", "streams"].map(|name| format!("edgewire/bench/v1/{name}.proto"));
    let files = protox::compile(bench.iter().map(String::as_str).chain(["hello.proto"]), includes)?;
    tonic_prost_build::configure().compile_fds(files)?;
    for folder in includes {
        println!("cargo::rerun-if-changed={folder}");
    }
    Ok(())
}
