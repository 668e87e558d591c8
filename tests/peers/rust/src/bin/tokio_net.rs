//! tokio on one thread (`current_thread`): a task for each client.
//!
//! cargo run --release --bin tokio_net -- raw|line
//!
//! Read buffer: 8 KiB for each client, as tokio's own BufReader has it.

use hullo_peers::{Greeter, is_line, listen};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn main() -> std::io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(listen_and_serve(is_line()))
}

async fn listen_and_serve(is_line: bool) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listen()?)?;
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(serve(client, Greeter::new(is_line)));
    }
}

async fn serve(mut client: TcpStream, mut greeter: Greeter) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    client.write_all(greeter.welcome()).await?;
    let mut input = vec![0; 8 * 1024];
    let mut output = Vec::new();
    loop {
        let count = client.read(&mut input).await?;
        let goes_on = greeter.respond(&input[..count], &mut output);
        if count == 0 {
            return Ok(());
        }
        client.write_all(&output).await?;
        if !goes_on {
            return Ok(());
        }
        output.clear();
    }
}
