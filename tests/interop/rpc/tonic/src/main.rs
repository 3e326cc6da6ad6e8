//! tonic as a peer of ours, for the service of echo.proto: a server or a client, as its only argument says (../../task.ts).
//! Messages are dynamic, so that no stubs are generated, and all calls are streams to it, which on the wire is the same.

mod client;
mod schema;
mod server;

use schema::{Schema, Task};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task: Task = serde_json::from_str(&std::env::args().nth(1).ok_or("there is no task")?)?;
    let schema = Schema::load(&task.descriptors_path)?;
    match task.role.as_str() {
        "server" => server::serve(task, schema).await,
        _ => client::make_calls(task, schema).await,
    }
}
