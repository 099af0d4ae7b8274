//! A cluster of Slurm for a test: its controller on the desk of a lab, and a node on each machine,
//! with their files in the test's own folder. Real daemons of Slurm, without accounting and without munge.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::common::lab::{DESK, Lab};
use crate::common::{Said, kill, skip, wait_until};

pub(crate) struct Slurm<'l> {
    lab: &'l Lab,
    daemons: Vec<Child>,
}

/// A cluster of the machines of a lab, or None where there is no Slurm: that is said.
pub(crate) fn slurm<'l>(lab: &'l Lab, nodes: &[(&str, &str)]) -> Option<Slurm<'l>> {
    for program in ["slurmctld", "slurmd", "sbatch"] {
        let mut command = Command::new(program);
        let silent = command
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if silent.status().is_err() {
            skip(&format!(
                "no {program} (Debian packages slurmctld and slurmd)"
            ));
            return None;
        }
    }
    let mut slurm = Slurm {
        lab,
        daemons: Vec::new(),
    };
    slurm.configure(nodes);
    slurm.start("desk", &["slurmctld", "-D", "-c"]);
    for (node, _) in nodes {
        slurm.start(node, &["slurmd", "-D", "-N", node]);
    }
    wait_until("all nodes are there", || {
        let said = slurm.run("desk", &["sinfo", "-h", "-o", "%T %D"]);
        said.stdout.trim() == format!("idle {}", nodes.len())
    });
    Some(slurm)
}

impl Slurm<'_> {
    fn dir(&self) -> PathBuf {
        self.lab.bench.files().join("slurm")
    }

    fn configure(&self, nodes: &[(&str, &str)]) {
        let dir = self.dir();
        for folder in ["state", "spool", "cgroup"] {
            fs::create_dir_all(dir.join(folder)).unwrap();
        }
        let here = dir.display();
        let mut text = format!(
            "ClusterName=osb\nSlurmctldHost=desk({DESK})\nSlurmUser=root\nSlurmdUser=root\nAuthType=auth/none\nCredType=cred/none\nStateSaveLocation={here}/state\nSlurmdSpoolDir={here}/spool/%n\nSlurmctldPidFile={here}/slurmctld.pid\nSlurmdPidFile={here}/slurmd-%n.pid\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\nMpiDefault=none\nSelectType=select/linear\nReturnToService=2\nKillWait=10\n"
        );
        for (node, address) in nodes {
            fs::create_dir_all(dir.join("spool").join(node)).unwrap();
            text += &format!("NodeName={node} NodeAddr={address} CPUs=1 State=UNKNOWN\n");
        }
        text += "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n";
        fs::write(dir.join("slurm.conf"), text).unwrap();
        // It is read, and nothing in it is used.
        let cgroup = format!("CgroupPlugin=cgroup/v1\nCgroupMountpoint={here}/cgroup\n");
        fs::write(dir.join("cgroup.conf"), cgroup).unwrap();
    }

    /// A command on a machine of the lab that has the machine's own name, as Slurm wants it.
    pub(crate) fn command(&self, machine: &str, words: &[&str]) -> Command {
        let space = format!("--net=/run/netns/{}", self.lab.space(machine));
        let named = format!("hostname {machine} && exec \"$@\"");
        let mut command = Command::new("nsenter");
        command
            .args([&space, "unshare", "--uts", "sh", "-c", &named, "sh"])
            .args(words)
            .env("SLURM_CONF", self.dir().join("slurm.conf"))
            .current_dir(self.lab.bench.files())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, machine: &str, words: &[&str]) -> Said {
        Said::from(self.command(machine, words).output().unwrap())
    }

    fn start(&mut self, machine: &str, words: &[&str]) {
        let log = fs::File::create(self.dir().join(format!("{machine}.log"))).unwrap();
        let mut command = self.command(machine, words);
        let command = command.stdout(log.try_clone().unwrap()).stderr(log);
        self.daemons.push(command.spawn().unwrap());
    }
}

impl Drop for Slurm<'_> {
    fn drop(&mut self) {
        // What a test that fails has left there.
        let _ = self.run("desk", &["scancel", "--name=osb-hosts"]);
        for daemon in &mut self.daemons {
            kill(i32::try_from(daemon.id()).unwrap(), 15);
            let _ = daemon.wait();
        }
    }
}
