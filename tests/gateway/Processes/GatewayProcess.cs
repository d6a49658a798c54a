using System.Diagnostics;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Processes;

/// <summary>The gateway's program as a process of its own. Killed by its own id when disposed, if it still runs. Thread-safe.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process process;
    private readonly Lock gate = new();
    private readonly List<string> output = [];
    private readonly List<string> errors = [];
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private GatewayProcess(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, e) => Take(output, e.Data);
        process.ErrorDataReceived += (_, e) => Take(errors, e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Completes when the quickstart has said that it listens; fails where the process ends before.</summary>
    public Task Ready => WaitUntilReady();

    /// <summary>Completes when the process has ended and all its output is read.</summary>
    public Task Ended => process.WaitForExitAsync().WaitAsync(Patience);

    public int ExitCode => process.ExitCode;

    /// <summary>All lines of standard output so far.</summary>
    public string Output => Lines(output);

    /// <summary>All lines of standard error so far.</summary>
    public string Errors => Lines(errors);

    public static GatewayProcess Start(string workingFolder, IReadOnlyDictionary<string, string> environment, string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "JitGrains.Gateway.dll"), .. args])
        {
            UseShellExecute = false,
            WorkingDirectory = workingFolder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Whatever the tests were started with is not this process' configuration.
        foreach (var name in start.Environment.Keys.Where(IsConfiguration).ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new GatewayProcess(Process.Start(start)!);
    }

    /// <summary>SIGKILL: no handler runs, nothing is flushed.</summary>
    public void Kill() => process.Kill();

    /// <summary>SIGTERM, as service managers send it.</summary>
    public async Task Terminate()
    {
        using var kill = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"kill -TERM {process.Id}"]))!;
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Waits until standard output has a line with this text.</summary>
    public Task Says(string text) => Eventually.Holds(() => Output.Contains(text, StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await Ended;
        process.Dispose();
    }

    private async Task WaitUntilReady()
    {
        await Task.WhenAny(ready.Task, process.WaitForExitAsync()).WaitAsync(Patience);
        if (!ready.Task.IsCompleted)
            Assert.Fail($"The gateway ended with {process.ExitCode} instead of starting:\n{Output}\n{Errors}");
    }

    private void Take(List<string> lines, string? line)
    {
        if (line is null)
            return;
        lock (gate)
            lines.Add(line);
        // The banner's last line: the listeners listen and the issuer is trusted by then.
        if (line.EndsWith("approve ID", StringComparison.Ordinal))
            ready.TrySetResult();
    }

    private string Lines(List<string> lines)
    {
        lock (gate)
            return string.Join('\n', lines);
    }

    private static bool IsConfiguration(string name) =>
        name.StartsWith("ASPNETCORE_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("JITGRAINS_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("OTEL_", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("Logging__", StringComparison.OrdinalIgnoreCase)
        || name.Equals("DOTNET_ENVIRONMENT", StringComparison.OrdinalIgnoreCase);
}
