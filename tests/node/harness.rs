//! A node as a child process, in a folder and on ports of its own.

use postgres::{Client, NoTls};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};
use tempfile::TempDir;

/// A folder that outlives the processes that use it.
pub struct Folder {
    directory: TempDir,
}

impl Folder {
    pub fn new() -> Folder {
        Folder { directory: TempDir::new().expect("a temporary folder") }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Starts a node here and waits until it serves.
    pub fn start(&self) -> Node {
        self.start_with(&[]).unwrap_or_else(|output| panic!("the node did not start:\n{output}"))
    }

    /// Starts a node with more flags; what it printed, if it ended instead of serving.
    pub fn start_with(&self, flags: &[&str]) -> Result<Node, String> {
        Node::start(self.path().join("data"), flags)
    }
}

/// A running node.
pub struct Node {
    child: Child,
    pub pg_port: u16,
    pub http_port: u16,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// A port nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

impl Node {
    /// Starts a node on a folder; what it printed, if it ended instead of serving.
    pub fn start(data: PathBuf, flags: &[&str]) -> Result<Node, String> {
        let (pg_port, http_port) = (free_port(), free_port());
        let mut child = Command::new(env!("CARGO_BIN_EXE_distdb"))
            .arg("start")
            .args(["--memory", "256MiB"])
            .args(if flags.contains(&"--cores") { &[][..] } else { &["--cores", "2"] })
            .arg("--data-dir")
            .arg(&data)
            .arg("--wal-dir")
            .arg(data.join("wal"))
            .args(["--pg-port", &pg_port.to_string(), "--http-port", &http_port.to_string()])
            .args(["--port", &free_port().to_string()])
            .args(flags)
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe"));
        let log = Arc::new(Mutex::new(String::new()));
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).expect("text on stderr") == 0 {
                child.wait().expect("its end");
                return Err(log.lock().unwrap().clone());
            }
            log.lock().unwrap().push_str(&line);
            if line.contains("serving:") {
                break;
            }
        }
        let keep = log.clone();
        let reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = keep.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Ok(Node { child, pg_port, http_port, log, reader: Some(reader) })
    }

    /// A driver's connection to the database `distdb`.
    pub fn connect(&self) -> Client {
        self.try_connect().expect("a connection")
    }

    pub fn try_connect(&self) -> Result<Client, postgres::Error> {
        Client::connect(&format!("host=127.0.0.1 port={} user=test dbname=distdb", self.pg_port), NoTls)
    }

    /// A bare connection.
    pub fn socket(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.pg_port)).expect("a connection");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a timeout");
        stream
    }

    /// The status line and body of a page.
    pub fn http(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http_port)).expect("a connection");
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        (head.lines().next().unwrap_or_default().to_string(), body.to_string())
    }

    /// Ends the process without warning, as a power cut of the process alone.
    pub fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    /// Asks it to stop; gives the exit code and the log.
    pub fn terminate(mut self) -> (Option<i32>, String) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill");
        assert!(status.success());
        let code = self.child.wait().expect("its end").code();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log");
        }
        let log = self.log.lock().unwrap().clone();
        (code, log)
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A failed assertion must not leave a process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the node ---\n{}", self.log.lock().map(|log| log.clone()).unwrap_or_default());
        }
    }
}

/// A startup packet for the database `distdb`.
pub fn startup() -> Vec<u8> {
    let mut body = 196_608i32.to_be_bytes().to_vec();
    for word in ["user", "test", "database", "distdb", ""] {
        body.extend_from_slice(word.as_bytes());
        body.push(0);
    }
    let mut packet = ((body.len() + 4) as i32).to_be_bytes().to_vec();
    packet.extend(body);
    packet
}

/// A message with its right length.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&((body.len() + 4) as i32).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Whether a text is among the bytes.
pub fn contains(answer: &[u8], text: &str) -> bool {
    answer.windows(text.len()).any(|window| window == text.as_bytes())
}
