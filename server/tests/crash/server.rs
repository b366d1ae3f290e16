//! The child as its parent has it: started over a store, asked, killed.

use super::wire::{self, Ask};
use sottovoce_server::state::State;
use sottovoce_server::store::Store;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Where the parent listens.
pub(crate) const PARENT: &str = "SOTTOVOCE_CRASH_PARENT";
/// At which point the child is to die.
pub(crate) const DIE_AT: &str = "SOTTOVOCE_CRASH_AT";
const PLACE: &str = "SOTTOVOCE_CRASH_PLACE";
/// Who connects there has PostgreSQL stopped at once and started again, and waits for the end of the stream.
pub(crate) const STOP: &str = "SOTTOVOCE_POSTGRES_STOP";

/// Which store.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Place {
    /// A schema that nobody else has.
    pub(crate) fn schema(url: &str, name: &str) -> Self {
        let schema = format!(
            "crash_{name}_{}_{}",
            std::process::id(),
            std::time::UNIX_EPOCH.elapsed().map_or(0, |t| t.as_millis())
        );
        let make = async {
            let pool = sqlx::PgPool::connect(url).await.expect("SOTTOVOCE_POSTGRES answers");
            let sql = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
            sqlx::query(sql).execute(&pool).await.expect("a schema");
            pool.close().await;
        };
        tokio::runtime::Runtime::new().expect("threads").block_on(make);
        Self::Postgres(format!("{url}?options[search_path]={schema}"))
    }

    fn text(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// What the parent told its child.
    pub(crate) fn given() -> Option<Self> {
        let text = std::env::var(PLACE).ok()?;
        Some(if text.contains("://") { Self::Postgres(text) } else { Self::Sqlite(text.into()) })
    }

    /// As the server opens it.
    pub(crate) async fn open(&self) -> Result<Store, Box<dyn std::error::Error>> {
        Ok(match self {
            Self::Sqlite(path) => Store::from(&State::open(path).await?),
            Self::Postgres(url) => Store::postgres(url).await?,
        })
    }
}

/// How a life ends, where it does not end well.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Death {
    /// At this point of its transactions.
    Point(u64),
    /// After so long.
    Moment(Duration),
    Never,
}

/// It is dead.
#[derive(Debug)]
pub(crate) struct Died;

/// An answer.
pub(crate) type Answer = (u8, Vec<u8>);

/// A living one.
pub(crate) struct Server {
    child: Arc<Mutex<Child>>,
    stream: TcpStream,
    /// From its start to its first answer; none where it died before.
    pub(crate) ready: Option<Duration>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut child = self.child.lock().expect("a child");
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Server {
    pub(crate) fn start(place: &Place, death: Death) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let begun = Instant::now();
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "life", "--test-threads=1", "--quiet", "--nocapture"])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.env(PARENT, listener.local_addr().expect("a port").to_string()).env(PLACE, place.text());
        if let Death::Point(at) = death {
            command.env(DIE_AT, at.to_string());
        }
        let child = Arc::new(Mutex::new(command.spawn().expect("a child")));
        let (stream, _) = listener.accept().expect("the child connects");
        stream.set_nodelay(true).expect("a socket");
        let mut this = Self { child, stream, ready: None };
        if let Ok((wire::DONE, _)) = this.ask(Ask::Weights, &[]) {
            this.ready = Some(begun.elapsed());
        }
        if let Death::Moment(after) = death {
            let child = Arc::clone(&this.child);
            std::thread::spawn(move || {
                std::thread::sleep(after);
                let _ = child.lock().expect("a child").kill();
            });
        }
        this
    }

    /// Asks, and does not wait.
    pub(crate) fn begin(&mut self, ask: Ask, body: &[u8]) -> Result<(), Died> {
        wire::write(&mut self.stream, 0, ask as u8, body).map_err(|_| Died)
    }

    /// The answer to what [`Server::begin`] asked; this one has no point at which it dies.
    pub(crate) fn end(&mut self) -> Result<Answer, Died> {
        let (id, byte, body) = wire::read(&mut self.stream).map_err(|_| Died)?;
        if id == wire::THE_POINT {
            self.child.lock().expect("a child").kill().expect("it can be killed");
            return Err(Died);
        }
        Ok((byte, body))
    }

    pub(crate) fn ask(&mut self, ask: Ask, body: &[u8]) -> Result<Answer, Died> {
        let mut answer = None;
        self.ask_all(ask, &[body.to_vec()], |_, got| answer = Some(got))?;
        answer.ok_or(Died)
    }

    /// Asks everything at once; `hear` gets what was answered while it lived.
    pub(crate) fn ask_all(
        &mut self,
        ask: Ask,
        bodies: &[Vec<u8>],
        mut hear: impl FnMut(usize, Answer),
    ) -> Result<(), Died> {
        for (id, body) in (0u32..).zip(bodies) {
            wire::write(&mut self.stream, id, ask as u8, body).map_err(|_| Died)?;
        }
        for _ in bodies {
            let (id, byte, body) = wire::read(&mut self.stream).map_err(|_| Died)?;
            if id == wire::THE_POINT {
                self.child.lock().expect("a child").kill().expect("it can be killed");
                // What was answered before is answered: it lies in the stream.
                while let Ok((id, byte, body)) = wire::read(&mut self.stream) {
                    hear(id as usize, (byte, body));
                }
                return Err(Died);
            }
            hear(id as usize, (byte, body));
        }
        Ok(())
    }
}

/// Stops PostgreSQL without a farewell and starts it again; says whether there is somebody who can.
pub(crate) fn stop_the_database() -> bool {
    let Ok(address) = std::env::var(STOP) else { return false };
    let mut stream = TcpStream::connect(address).expect("who stops PostgreSQL listens");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("PostgreSQL is there again");
    true
}
