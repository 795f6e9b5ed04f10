//! Runs the loopback upstream by hand: `loopback CA_FILE [PORT]` prints the
//! environment to export, then each request as a line of JSON, until Ctrl-C.
#![allow(clippy::print_stdout, reason = "a tool for the hand")]

use std::time::Duration;

use codexpin::upstream::loopback::{Loopback, LoopbackOptions, RequestKind};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let ca: camino::Utf8PathBuf =
        arguments.next().ok_or_else(|| anyhow::anyhow!("usage: loopback CA_FILE [PORT]"))?.into();
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let loopback = Loopback::start(LoopbackOptions { port, ..Default::default() }).await?;
    loopback.write_ca(&ca)?;
    for (name, value) in loopback.environment(&ca) {
        println!("export {name}={value}");
    }
    let mut shown = 0;
    loop {
        for record in loopback.records().iter().skip(shown) {
            if record.kind == RequestKind::Unanswered {
                break;
            }
            println!("{}", serde_json::to_string(record)?);
            shown += 1;
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }
    for record in loopback.shutdown().await.iter().skip(shown) {
        println!("{}", serde_json::to_string(record)?);
    }
    Ok(())
}
