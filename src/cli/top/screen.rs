//! The terminal: a screen of its own, and keys as they are pressed. However top ends, the terminal is as it was before.

use std::io::{self, Stdout};

use nix::sys::signal::{Signal, raise};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    DisableMouseCapture, EnableMouseCapture, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers,
    MouseButton, MouseEventKind, read,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc;

use crate::top::{Input, Pressed};

/// The terminal, which is left when this is dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    has_mouse: bool,
}

impl Screen {
    pub(super) fn enter(has_mouse: bool) -> io::Result<Self> {
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        let mut screen = Self {
            terminal,
            has_mouse,
        };
        // A panic ends the process without any other word.
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            former(panic);
        }));
        screen.begin()?;
        Ok(screen)
    }

    fn begin(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(self.terminal.backend_mut(), EnterAlternateScreen)?;
        if self.has_mouse {
            execute!(self.terminal.backend_mut(), EnableMouseCapture)?;
        }
        self.terminal.hide_cursor()?;
        self.clear()
    }

    /// Columns and lines.
    pub(super) fn size(&self) -> (u16, u16) {
        let size = self.terminal.size().unwrap_or_default();
        (size.width, size.height)
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// All is drawn at the next picture. Ratatui's own way asks the terminal where its cursor is, and not all answer.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Gives the terminal back until this process is continued.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        leave();
        raise(Signal::SIGTSTP)?;
        self.begin()
    }

    /// This process was continued: others may have had the terminal.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        // It is believed to be as it was, else.
        disable_raw_mode()?;
        self.begin()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Nobody is left to be told if the terminal is gone.
fn leave() {
    let _ = execute!(
        io::stdout(),
        DisableMouseCapture,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
}

/// Tells whenever this process is continued.
pub(super) fn resumed() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(SignalKind::from_raw(Signal::SIGCONT as i32))
}

/// Keys, and what else the terminal tells; it ends with the terminal. On a thread of its own, which waits for them.
pub(super) fn keys() -> io::Result<mpsc::UnboundedReceiver<Input>> {
    let (sender, keys) = mpsc::unbounded_channel();
    let listen = move || {
        while let Ok(event) = read() {
            if let Some(input) = input(&event)
                && sender.send(input).is_err()
            {
                return;
            }
        }
    };
    let listening = std::thread::Builder::new().name("osb-keys".to_owned());
    listening.spawn(listen).map(|_| keys)
}

fn input(event: &Event) -> Option<Input> {
    match event {
        Event::Resize(columns, lines) => Some(Input::Resized(*columns, *lines)),
        Event::Key(key) if key.kind != KeyEventKind::Release => pressed(*key).map(Input::Pressed),
        Event::Mouse(mouse) => Some(Input::Pressed(match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => Pressed::Click(mouse.column, mouse.row),
            MouseEventKind::ScrollUp => Pressed::Up,
            MouseEventKind::ScrollDown => Pressed::Down,
            _ => return None,
        })),
        _ => None,
    }
}

fn pressed(key: KeyEvent) -> Option<Pressed> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Pressed::Interrupt),
            KeyCode::Char('z') => Some(Pressed::Suspend),
            KeyCode::Char('l') => Some(Pressed::Redraw),
            _ => None,
        };
    }
    Some(match key.code {
        KeyCode::Char(letter) => Pressed::Char(letter),
        KeyCode::Up => Pressed::Up,
        KeyCode::Down => Pressed::Down,
        KeyCode::PageUp => Pressed::PageUp,
        KeyCode::PageDown => Pressed::PageDown,
        KeyCode::Home => Pressed::Home,
        KeyCode::End => Pressed::End,
        KeyCode::Enter => Pressed::Enter,
        KeyCode::Esc => Pressed::Escape,
        KeyCode::Backspace => Pressed::Backspace,
        KeyCode::Tab => Pressed::Tab,
        KeyCode::BackTab => Pressed::BackTab,
        _ => return None,
    })
}
