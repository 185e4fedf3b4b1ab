//! Shell completions and man pages, made from a program's own command line.

use std::fs::create_dir_all;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, Subcommand};
use clap_complete::Shell;

/// The subcommands that package a program; none needs a database.
#[derive(Debug, Subcommand)]
pub enum Packaging {
    /// Prints the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Writes the man pages, one a subcommand, to a directory
    Man {
        /// The directory, such as /usr/local/share/man/man1; it is made if it is not there
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

impl Packaging {
    /// Does it for the program of that command line.
    ///
    /// # Errors
    /// `out` or the directory cannot be written.
    pub fn run(&self, program: Command, out: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Self::Completions { shell } => completions(*shell, program, out)?,
            Self::Man { directory } => {
                man(directory, program).map_err(|error| anyhow::anyhow!("{}: {error}", directory.display()))?;
            }
        }
        Ok(())
    }
}

fn completions(shell: Shell, mut program: Command, out: &mut impl Write) -> io::Result<()> {
    let name = program.get_name().to_owned();
    // Not straight to `out`: the generator panics where that cannot be written.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut text);
    out.write_all(&text)
}

fn man(directory: &Path, program: Command) -> io::Result<()> {
    create_dir_all(directory)?;
    clap_mangen::generate_to(program.disable_help_subcommand(true), directory)
}
