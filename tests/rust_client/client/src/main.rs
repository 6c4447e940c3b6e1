//! Runs the guest agent's commands through the crate `qapi`, each by its own type, and prints a line for each:
//! the command's name, a tab, and `return` with the typed reply as JSON, or `error` with what the crate says.
//!
//!     qapi-client SOCKET DIRECTORY [COMMAND...]
//!
//! SOCKET is the agent's, or a virtual machine's port's. DIRECTORY is a mount point of the guest: files are made in it,
//! and it is frozen alone, too.
//! With COMMANDs only these are run.

use qapi::qga::*;
use qapi::{Command, Qga, Stream};
use serde::Serialize;
use std::collections::HashSet;
use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A guest under emulation is slow.
const TIMEOUT: Duration = Duration::from_secs(60);

struct Client<S> {
    agent: Qga<S>,
    only: HashSet<String>,
}

impl<S: std::io::BufRead + Write> Client<S> {
    /// Runs a command and prints its line; the reply, if there is one.
    fn run<C: Command>(&mut self, command: C) -> Option<C::Ok>
    where
        C::Ok: Serialize,
    {
        if !self.only.is_empty() && !self.only.contains(C::NAME) {
            return None;
        }
        match self.agent.execute(&command) {
            Ok(reply) => {
                let json = serde_json::to_string(&reply).expect("what was parsed can be written");
                println!("{}\treturn\t{json}", C::NAME);
                Some(reply)
            }
            Err(error) => {
                println!("{}\terror\t{error}", C::NAME);
                None
            }
        }
    }

    fn facts(&mut self) {
        self.run(guest_ping {});
        self.run(guest_info {});
        self.run(guest_get_host_name {});
        self.run(guest_get_osinfo {});
        self.run(guest_get_timezone {});
        self.run(guest_get_users {});
        self.run(guest_network_get_interfaces {});
        self.run(guest_network_get_route {});
        self.run(guest_get_disks {});
        self.run(guest_get_fsinfo {});
        self.run(guest_get_diskstats {});
        self.run(guest_get_cpustats {});
        self.run(guest_get_memory_block_info {});
        self.run(guest_get_devices {});
        if let Some(time) = self.run(guest_get_time {}) {
            self.run(guest_set_time { time: Some(time) });
        }
    }

    fn processors_and_memory(&mut self) {
        if let Some(vcpus) = self.run(guest_get_vcpus {}) {
            self.run(guest_set_vcpus { vcpus });
        }
        if let Some(mem_blks) = self.run(guest_get_memory_blocks {}) {
            self.run(guest_set_memory_blocks { mem_blks });
        }
    }

    fn file(&mut self, directory: &str) {
        let path = format!("{directory}/written-by-qapi");
        let Some(handle) = self.run(guest_file_open {
            path,
            mode: Some("w+".into()),
        }) else {
            return;
        };
        let buf_b64 = vec![0, 1, 0xfe, 0xff, b'\n'];
        self.run(guest_file_write {
            handle,
            buf_b64,
            count: None,
        });
        self.run(guest_file_flush { handle });
        let whence = GuestFileWhence::name(QGASeek::set);
        self.run(guest_file_seek {
            handle,
            offset: 1,
            whence,
        });
        self.run(guest_file_read {
            handle,
            count: Some(100),
        });
        let whence = GuestFileWhence::value(0);
        self.run(guest_file_seek {
            handle,
            offset: 0,
            whence,
        });
        self.run(guest_file_close { handle });
    }

    fn program(&mut self) {
        let started = self.run(guest_exec {
            path: "/bin/sh".into(),
            arg: Some(vec!["-c".into(), "cat; echo \"$WORD\" >&2; exit 3".into()]),
            env: Some(vec!["WORD=wrong".into(), "PATH=/bin:/usr/bin".into()]),
            input_data: Some(b"from Rust".to_vec()),
            capture_output: Some(GuestExecCaptureOutput::mode(
                GuestExecCaptureOutputMode::separated,
            )),
        });
        let Some(GuestExec { pid }) = started else {
            return;
        };
        // Only the last status has a line: how often is asked is up to the machine.
        loop {
            match self.agent.execute(&guest_exec_status { pid }) {
                Ok(status) if !status.exited => std::thread::sleep(Duration::from_millis(20)),
                Ok(status) => {
                    let json =
                        serde_json::to_string(&status).expect("what was parsed can be written");
                    println!("{}\treturn\t{json}", guest_exec_status::NAME);
                    return;
                }
                Err(error) => {
                    println!("{}\terror\t{error}", guest_exec_status::NAME);
                    return;
                }
            }
        }
    }

    fn freeze_and_trim(&mut self, directory: &str) {
        self.run(guest_fsfreeze_status {});
        self.run(guest_fsfreeze_freeze {});
        self.run(guest_fsfreeze_status {});
        self.run(guest_fsfreeze_thaw {});
        self.run(guest_fsfreeze_freeze_list {
            mountpoints: Some(vec![directory.into()]),
        });
        self.run(guest_fsfreeze_thaw {});
        self.run(guest_fstrim { minimum: None });
    }

    fn users_and_power(&mut self) {
        let username = || "root".to_string();
        self.run(guest_set_user_password {
            username: username(),
            password: b"x".to_vec(),
            crypted: false,
        });
        self.run(guest_ssh_get_authorized_keys {
            username: username(),
        });
        self.run(guest_ssh_add_authorized_keys {
            username: username(),
            keys: vec![],
            reset: None,
        });
        self.run(guest_ssh_remove_authorized_keys {
            username: username(),
            keys: vec![],
        });
        self.run(guest_suspend_disk {});
        self.run(guest_suspend_ram {});
        self.run(guest_suspend_hybrid {});
        self.run(guest_shutdown {
            mode: Some(GuestShutdownMode::Powerdown),
        });
    }
}

/// Passes over the 0xFF that the reply to guest-sync-delimited begins with.
struct WithoutSentinel<R>(R);

impl<R: Read> Read for WithoutSentinel<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let count = self.0.read(buffer)?;
            if count == 0 {
                return Ok(0);
            }
            let mut kept = 0;
            for at in 0..count {
                if buffer[at] != 0xff {
                    buffer[kept] = buffer[at];
                    kept += 1;
                }
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(socket), Some(directory)) = (words.next(), words.next()) else {
        return Err("give the agent's socket and a directory of the guest".into());
    };
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let reader = BufReader::new(WithoutSentinel(stream.try_clone()?));
    let mut client = Client {
        agent: Qga::new(Stream::new(reader, stream)),
        only: words.collect(),
    };
    client.agent.guest_sync(4711)?;
    println!("guest-sync\treturn\t4711");
    client.run(guest_sync_delimited { id: i64::MIN });
    client.facts();
    client.processors_and_memory();
    client.file(&directory);
    client.program();
    client.freeze_and_trim(&directory);
    client.users_and_power();
    Ok(())
}
