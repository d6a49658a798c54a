using JitGrains.Network;
using JitGrains.Silo;
using JitGrains.Silo.Network;

namespace JitGrains.Gateway.Network;

/// <summary>
/// Loads the address table's files when it is created, and again when they changed. A change is taken on only when two looks
/// in a row saw the same files, so that one that is still being written is not read; what cannot be taken leaves the last good
/// table in place and is said in the log and in metrics. Thread-safe.
/// </summary>
internal sealed partial class AddressTables : BackgroundService, IAddressTables
{
    private readonly NetworkOptions options;
    private readonly NetworkMetrics metrics;
    private readonly TimeProvider time;
    private readonly ILogger<AddressTables> logger;
    private AddressTable current = AddressTable.Empty;
    private bool degraded;
    private string taken = "";
    private string seen = "";

    /// <summary>Loads the table.</summary>
    /// <exception cref="StartupException">A file cannot be taken.</exception>
    public AddressTables(NetworkOptions options, NetworkMetrics metrics, TimeProvider time, ILogger<AddressTables> logger)
    {
        (this.options, this.metrics, this.time, this.logger) = (options, metrics, time, logger);
        if (options.AddressTables.Count == 0)
            return;
        taken = seen = Fingerprint();
        current = Read(out var problem) ?? throw new StartupException([$"AddressTables: {problem}."]);
        metrics.TableDegraded(() => Degraded);
        LogTaken(logger, current.Countries, current.Networks);
    }

    /// <inheritdoc/>
    public AddressTable Current => Volatile.Read(ref current);

    /// <inheritdoc/>
    public bool Degraded => Volatile.Read(ref degraded);

    /// <summary>Looks at the files once.</summary>
    internal void Look()
    {
        var now = Fingerprint();
        var settled = now == seen;
        seen = now;
        if (!settled || now == taken)
            return;
        taken = now;
        if (Read(out var problem) is { } table)
        {
            Volatile.Write(ref current, table);
            LogTaken(logger, table.Countries, table.Networks);
        }
        else
        {
            LogRejected(logger, problem);
        }

        Volatile.Write(ref degraded, problem.Length > 0);
        metrics.TableReload(problem.Length == 0);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.AddressTables.Count == 0)
            return;
        using var timer = new PeriodicTimer(options.AddressTablesPoll, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            Look();
    }

    private AddressTable? Read(out string problem)
    {
        try
        {
            var files = options.AddressTables.Select(path => (Path.GetFileName(path), (ReadOnlyMemory<byte>)ReadFile(path)));
            return AddressTable.TryRead(files, out problem);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            problem = e.Message.TrimEnd('.');
            return null;
        }
    }

    private static byte[] ReadFile(string path)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        if (length > NetworkOptions.MaxTableBytes)
            throw new IOException($"{path} is longer than {NetworkOptions.MaxTableBytes} bytes");
        var bytes = new byte[length];
        for (var at = 0; at < bytes.Length;)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(at), at);
            at += read > 0 ? read : throw new IOException($"{path} became shorter while it was read");
        }

        return bytes;
    }

    /// <summary>Equal for files of the same length and time of writing. Links are followed: mounted files change by them.</summary>
    private string Fingerprint() => string.Join('\n', options.AddressTables.Select(path =>
    {
        try
        {
            using var file = File.OpenHandle(path);
            return $"{path} {RandomAccess.GetLength(file)} {File.GetLastWriteTimeUtc(file).Ticks}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"{path} {e.Message}";
        }
    }));
}
