namespace JitGrains.Cli;

/// <summary>What a run of <c>jit</c> has around it, so that commands run in-process in tests just as they do in a shell.</summary>
internal sealed record CliHost
{
    public required TextReader In { get; init; }

    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>Whether a person reads the output: tables are drawn then, and are tab-separated text otherwise.</summary>
    public bool OutputIsTerminal { get; init; }

    /// <summary>Whether a person can answer a question.</summary>
    public bool InputIsTerminal { get; init; }

    /// <summary>Columns of the terminal.</summary>
    public int Width { get; init; } = 120;

    public required Func<string, string?> Environment { get; init; }

    /// <summary>What relative paths are relative to.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>How long a server may take. Above what a held poll (50 s) or a revocation that waits out a lease needs.</summary>
    public TimeSpan HttpTimeout { get; init; } = TimeSpan.FromSeconds(75);

    /// <summary>Shows an address to the person in a browser, as far as that is possible.</summary>
    public Action<string> OpenBrowser { get; init; } = static _ => { };

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public static CliHost OfProcess() => new()
    {
        In = Console.In,
        Out = Console.Out,
        Error = Console.Error,
        OutputIsTerminal = !Console.IsOutputRedirected,
        InputIsTerminal = !Console.IsInputRedirected,
        Width = Console.IsOutputRedirected || Console.WindowWidth < 40 ? 120 : Console.WindowWidth,
        Environment = System.Environment.GetEnvironmentVariable,
        WorkingDirectory = Directory.GetCurrentDirectory(),
        OpenBrowser = Login.Browser.Open,
    };

    public string FullPath(string path) => Path.GetFullPath(path, WorkingDirectory);
}
