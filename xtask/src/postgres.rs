//! A PostgreSQL server for the tests: from the system's packages, in a temporary folder, on a free loopback port, gone when it is
//! dropped. It refuses to run as root, so root hands it to an unprivileged user.

use crate::run;
use anyhow::{Context, Result, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The tests read the server's URL from it.
pub(crate) const URL: &str = "SOTTOVOCE_POSTGRES";
/// Debian and its kin keep versions side by side.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Users who own nothing, the likeliest first.
const USERS: [&str; 2] = ["postgres", "nobody"];
/// So long may it take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
#[derive(Debug)]
pub(crate) struct Postgres {
    child: Child,
    programs: PathBuf,
    user: Option<&'static str>,
    data: PathBuf,
    port: u16,
    /// Where it answers, as the superuser and without a password.
    pub(crate) url: String,
}

impl Postgres {
    /// Starts one. None, with a message, where the machine has no PostgreSQL, or no user to run it as.
    pub(crate) fn start() -> Result<Option<Self>> {
        let Some(programs) = programs() else {
            run::say("no PostgreSQL here (apt-get install postgresql brings it): tests over it are skipped");
            return Ok(None);
        };
        let user = match is_root() {
            false => None,
            true => match USERS.into_iter().find(|user| run::succeeds(as_user(Some(user), Path::new("true")).arg("x")))
            {
                Some(user) => Some(user),
                None => {
                    run::say("PostgreSQL runs as no root, and no other user can be taken: tests over it are skipped");
                    return Ok(None);
                }
            },
        };
        // Not below target/: that user may not be let into the checkout.
        let home = std::env::temp_dir().join(format!("sottovoce-postgres-{}", std::process::id()));
        let data = home.join("data");
        run::capture(as_user(user, Path::new("mkdir")).args(["-m", "700"]).arg(&home))?;
        let mut initdb = as_user(user, &programs.join("initdb"));
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--pgdata"]);
        run::capture(initdb.arg(&data))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = serve(&programs, user, &data, port)?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let mut this = Self { child, programs, user, data, port, url };
        this.wait_until_ready(port)?; // dropped, and so stopped, where it fails
        Ok(Some(this))
    }

    /// Stops it without a farewell, as a power cut would, and starts it again: it recovers from its log.
    pub(crate) fn stop_at_once_and_start(&mut self) -> Result<()> {
        let mut stop = as_user(self.user, &self.programs.join("pg_ctl"));
        run::capture(stop.arg("stop").arg("-D").arg(&self.data).args(["-m", "immediate", "-w"]))?;
        self.child.wait()?;
        self.child = serve(&self.programs, self.user, &self.data, self.port)?;
        self.wait_until_ready(self.port)
    }

    fn wait_until_ready(&mut self, port: u16) -> Result<()> {
        let began = Instant::now();
        let is_ready = self.programs.join("pg_isready");
        while !run::succeeds(Command::new(&is_ready).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])) {
            if let Some(status) = self.child.try_wait()? {
                bail!("PostgreSQL ended before it answered ({status})");
            }
            if began.elapsed() > PATIENCE {
                bail!("PostgreSQL did not answer within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = as_user(self.user, &self.programs.join("pg_ctl"));
        let stopped = run::succeeds(stop.arg("stop").arg("-D").arg(&self.data).args(["-m", "immediate", "-w"]));
        if !stopped {
            let _ = self.child.kill(); // ended already
        }
        let _ = self.child.wait();
        if let Some(home) = self.data.parent() {
            let _ = std::fs::remove_dir_all(home); // of no use to anybody
        }
    }
}

/// Starts the server over a folder that `initdb` made.
fn serve(programs: &Path, user: Option<&str>, data: &Path, port: u16) -> Result<Child> {
    let mut server = as_user(user, &programs.join("postgres"));
    server.arg("-D").arg(data).args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
    for setting in ["unix_socket_directories=", "max_connections=400", "log_min_messages=fatal", "log_statement=none"] {
        server.args(["-c", setting]);
    }
    run::say(&format!("PostgreSQL for the tests: {}", run::shown(&server)));
    let child = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.with_context(|| format!("cannot start {}", run::shown(&server)))
}

/// The folder with `initdb` and `postgres`: on PATH, or the newest of Debian's.
fn programs() -> Option<PathBuf> {
    let whole =
        |folder: &PathBuf| ["initdb", "postgres", "pg_ctl", "pg_isready"].iter().all(|p| folder.join(p).is_file());
    let on_path = run::find_on_path("initdb").and_then(|initdb| Some(initdb.canonicalize().ok()?.parent()?.to_owned()));
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((number, entry.path().join("bin")))
    });
    let newest = versions.filter(|(_, folder)| whole(folder)).max().map(|(_, folder)| folder);
    on_path.filter(whole).or(newest)
}

/// A command, as another user where one is named. `setpriv` replaces itself by the program, so that the child is the program,
/// which ends when this process does.
fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={user}"))
        .args(["--regid", &group_of(user), "--clear-groups", "--pdeathsig=INT", "--"])
        .arg(program);
    command.current_dir("/");
    command
}

/// A user's own group, by number; `nogroup` is everybody's who has none.
fn group_of(user: &str) -> String {
    run::capture(Command::new("id").args(["-g", user])).map_or_else(|_| "nogroup".to_owned(), |id| id.trim().to_owned())
}

fn is_root() -> bool {
    cfg!(unix) && run::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_until_it_is_dropped_and_leaves_nothing() -> Result<()> {
        let Some(postgres) = Postgres::start()? else { return Ok(()) }; // it has said why
        let address = postgres.url.split(['@', '/']).nth(3).context("a host")?.to_owned();
        assert!(std::net::TcpStream::connect(&address).is_ok(), "{address}");
        let home = postgres.data.parent().context("a folder")?.to_owned();
        assert!(home.exists());
        drop(postgres);
        assert!(std::net::TcpStream::connect(&address).is_err(), "{address} still answers");
        assert!(!home.exists(), "{} is still there", home.display());
        Ok(())
    }

    #[test]
    fn another_user_is_another_program_in_front() {
        let shown = run::shown(&as_user(Some("root"), Path::new("/x/postgres")));
        assert_eq!(shown, "setpriv --reuid=root --regid 0 --clear-groups --pdeathsig=INT -- /x/postgres");
        assert_eq!(run::shown(&as_user(None, Path::new("/x/postgres"))), "/x/postgres");
    }
}
