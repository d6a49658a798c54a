using System.Diagnostics;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Assertions;

/// <summary>One of the documentation's examples of an API that checks assertions, as a process of its own.</summary>
internal sealed class ExampleApi : IAsyncDisposable
{
    private const string Says = "listening on ";

    private readonly Process process;
    private readonly TaskCompletionSource<Uri> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string> lines = [];

    private ExampleApi(ProcessStartInfo start, Uri jwks)
    {
        start.UseShellExecute = false;
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.Environment["PORT"] = "0";
        start.Environment["JIT_JWKS"] = jwks.AbsoluteUri;
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.ErrorDataReceived += (_, e) => Take(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public static async Task<(ExampleApi Api, Uri Address)> Start(string language, Uri jwks)
    {
        var api = new ExampleApi(StartOf(language), jwks);
        if (await Task.WhenAny(api.listening.Task, api.process.WaitForExitAsync()) != api.listening.Task)
            Assert.Fail($"The example ended: {string.Join('\n', api.lines)}");
        return (api, await api.listening.Task);
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static ProcessStartInfo StartOf(string language)
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "JitGrains.sln")))
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("The tests run outside the repository.");
        var examples = Path.Combine(root, "docs", "examples", "assertions");
        switch (language)
        {
            case "node":
                // Node looks for packages beside the file: there they are.
                var copy = Path.Combine(root, "tests", "gateway", "npm", "node_modules", "orders.mjs");
                File.Copy(Path.Combine(examples, "node", "orders.mjs"), copy, overwrite: true);
                return new ProcessStartInfo("node", [copy]);
            case "python":
                return new ProcessStartInfo("/usr/bin/python3", [Path.Combine(examples, "python", "orders.py")]);
            default:
                var built = Path.Combine(examples, "aspnetcore", "bin", Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/') + "/"))!), "net10.0");
                return new ProcessStartInfo("dotnet", [Path.Combine(built, "JitGrains.Example.Orders.dll")]) { WorkingDirectory = built };
        }
    }

    private void Take(string? line)
    {
        if (line is null)
            return;
        lock (lines)
            lines.Add(line);
        if (line.StartsWith(Says, StringComparison.Ordinal))
            listening.TrySetResult(new Uri(line[Says.Length..]));
    }
}
