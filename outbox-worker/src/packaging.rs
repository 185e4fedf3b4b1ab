//! Shell completions and man pages, generated from a program's own command line.

use std::fs::create_dir_all;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, Subcommand};
use clap_complete::Shell;

/// The subcommands for packagers. None of them needs a database.
#[derive(Debug, Subcommand)]
pub enum PackagingCommand {
    /// Prints the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Writes the man pages, one per subcommand, to a directory
    Man {
        /// The directory, such as /usr/local/share/man/man1; created if missing
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

impl PackagingCommand {
    /// Runs the subcommand for the program with this command line.
    ///
    /// # Errors
    /// `out` or the directory cannot be written. An error about the directory names it.
    pub fn run(&self, program: Command, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Completions { shell } => print_completions(*shell, program, out),
            Self::Man { directory } => write_man_pages(directory, program)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", directory.display()))),
        }
    }
}

fn print_completions(shell: Shell, mut program: Command, out: &mut impl Write) -> io::Result<()> {
    let name = program.get_name().to_owned();
    // Through a buffer: the generator panics if it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut text);
    out.write_all(&text)
}

fn write_man_pages(directory: &Path, program: Command) -> io::Result<()> {
    create_dir_all(directory)?;
    clap_mangen::generate_to(program.disable_help_subcommand(true), directory)
}
