using System.Diagnostics;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Processes;

/// <summary>The reference library of Standard Webhooks behind a real listener (<c>npm/receiver.cjs</c>). Thread-safe.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly Process process;
    private readonly Lock gate = new();
    private readonly List<JsonNode> lines = [];

    private WebhookReceiver(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is null)
                return;
            lock (gate)
                lines.Add(JsonNode.Parse(e.Data)!);
        };
        process.BeginOutputReadLine();
    }

    public Uri Url { get; private set; } = null!;

    /// <summary>What came, in order.</summary>
    public IReadOnlyList<JsonNode> Deliveries
    {
        get
        {
            lock (gate)
                return [.. lines.Skip(1)];
        }
    }

    /// <summary>Starts it. It answers this many deliveries with 500 at first.</summary>
    public static async Task<WebhookReceiver> Start(string secret, int failures = 0)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "JitGrains.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the repository.");
        var start = new ProcessStartInfo("node", ["receiver.cjs", $"{failures}"])
        {
            UseShellExecute = false,
            WorkingDirectory = Path.Combine(folder, "tests", "gateway", "npm"),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var receiver = new WebhookReceiver(Process.Start(start)!);
        await receiver.process.StandardInput.WriteAsync(secret);
        receiver.process.StandardInput.Close();
        await Eventually.Holds(() => receiver.process.HasExited || receiver.Lines > 0);
        Assert.False(receiver.process.HasExited, "The receiver did not start; ./test installs what it needs (npm install in tests/gateway/npm).");
        receiver.Url = new Uri($"http://127.0.0.1:{receiver.First["port"]}/hooks/jit?tenant=1");
        return receiver;
    }

    public Task Delivered(int count) => Eventually.Holds(() => Lines > count);

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private int Lines
    {
        get
        {
            lock (gate)
                return lines.Count;
        }
    }

    private JsonNode First
    {
        get
        {
            lock (gate)
                return lines[0];
        }
    }
}
