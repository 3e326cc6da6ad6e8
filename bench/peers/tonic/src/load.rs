//! What h2load cannot do: `bench-load rate PORT CONNECTIONS CALLS_A_SECOND WARM_UP_SECONDS SECONDS` sends calls at their times, whether those
//! before were answered or not, and tells how long each took from then; `bench-load ping-pong PORT CONNECTIONS STREAMS MESSAGES` sends the next
//! message of each stream when the one before was answered.

use std::cell::RefCell;
use std::env;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet, spawn_local, yield_now};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

mod stubs;

use stubs::bench::PingPongRequest;
use stubs::bench::streams_client::StreamsClient;
use stubs::hello::HelloRequest;
use stubs::hello::greeter_client::GreeterClient;

type Outcome<T> = Result<T, Box<dyn Error>>;

const GREETING: &str = "Hello, World!";

fn world() -> String {
    "World".to_string()
}

async fn connect(port: u64, connections: u64) -> Outcome<Vec<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?.tcp_nodelay(true);
    let mut channels = Vec::new();
    for _ in 0..connections {
        channels.push(endpoint.connect().await?);
    }
    Ok(channels)
}

/// Sends calls for a time, and gives the microseconds that each took from when it was due.
async fn send_at_rate(channels: &[Channel], rate: u64, seconds: u64) -> Vec<u64> {
    let taken = Rc::new(RefCell::new(Vec::new()));
    let start = Instant::now();
    let calls = rate * seconds;
    let mut sent = 0;
    while sent < calls {
        let due = start + Duration::from_nanos(1_000_000_000 * sent / rate);
        if due > Instant::now() {
            // No timer: they are a millisecond late.
            yield_now().await;
            continue;
        }
        let mut client = GreeterClient::new(channels[sent as usize % channels.len()].clone());
        let taken = taken.clone();
        spawn_local(async move {
            let reply = client.say_hello(HelloRequest { name: world() }).await.expect("a call failed");
            assert_eq!(reply.into_inner().message, GREETING);
            taken.borrow_mut().push(due.elapsed().as_micros() as u64);
        });
        sent += 1;
    }
    while (taken.borrow().len() as u64) < calls {
        assert!(start.elapsed().as_secs() < 2 * seconds + 5, "the server is slower than the calls come");
        yield_now().await;
    }
    taken.take()
}

async fn measure_rate(port: u64, connections: u64, rate: u64, warm_up: u64, seconds: u64) -> Outcome<()> {
    let channels = connect(port, connections).await?;
    send_at_rate(&channels, rate, warm_up).await;
    println!("warm");
    let start = Instant::now();
    let mut taken = send_at_rate(&channels, rate, seconds).await;
    let elapsed = start.elapsed().as_millis();
    taken.sort_unstable();
    let percentile = |percent: usize| taken[taken.len() * percent / 100];
    println!("{} calls {elapsed} ms p50 {} us p99 {} us", taken.len(), percentile(50), percentile(99));
    Ok(())
}

async fn play(channel: Channel, messages: u64) -> u64 {
    let (sender, pings) = mpsc::channel(1);
    let mut client = StreamsClient::new(channel);
    sender.send(PingPongRequest { name: world() }).await.expect("the stream ended");
    let mut answers = client.ping_pong(ReceiverStream::new(pings)).await.expect("the call failed").into_inner();
    for round in 1..=messages {
        let answer = answers.message().await.expect("the call failed").expect("the stream ended");
        assert_eq!(answer.message, GREETING);
        if round < messages {
            sender.send(PingPongRequest { name: world() }).await.expect("the stream ended");
        }
    }
    drop(sender);
    assert!(answers.message().await.expect("the call failed").is_none());
    messages
}

async fn measure_ping_pong(port: u64, connections: u64, streams: u64, messages: u64) -> Outcome<()> {
    let channels = connect(port, connections).await?;
    let start = Instant::now();
    let mut players = JoinSet::new();
    for channel in channels {
        for _ in 0..streams {
            players.spawn_local(play(channel.clone(), messages));
        }
    }
    let count: u64 = players.join_all().await.into_iter().sum();
    println!("{count} messages {} ms", start.elapsed().as_millis());
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let numbers: Vec<u64> = env::args().skip(2).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let work = async {
        match (env::args().nth(1).as_deref(), numbers.as_slice()) {
            (Some("rate"), &[port, connections, rate, warm_up, seconds]) => {
                measure_rate(port, connections, rate, warm_up, seconds).await
            }
            (Some("ping-pong"), &[port, connections, streams, messages]) => {
                measure_ping_pong(port, connections, streams, messages).await
            }
            _ => Err("usage: bench-load rate|ping-pong PORT ...".into()),
        }
    };
    LocalSet::new().run_until(work).await
}
