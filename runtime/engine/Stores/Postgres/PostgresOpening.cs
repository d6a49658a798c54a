using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Opens the database once, before its first use: the schema as this version needs it, settings that keep what is
/// answered as done, the epoch. As a hosted service it waits a while for a database that is still starting.
/// </summary>
internal sealed partial class PostgresOpening(
    GrainEngineOptions options, PostgresConnections connections, PostgresEpoch epoch, ILogger<PostgresOpening> logger) : IHostedService, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim gate = new(1, 1);
    private volatile bool isOpen;

    /// <summary>Opens it, if that was not done yet; throws <see cref="StoreOpenException"/> or <see cref="StoreUnavailableException"/>.</summary>
    public ValueTask OpenAsync(CancellationToken cancellationToken) => isOpen ? ValueTask.CompletedTask : new(OpenOnceAsync(cancellationToken));

    /// <summary>The same; what may pass (no answer, an older schema that somebody else is about to bring up to date) is waited for.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                await OpenAsync(cancellationToken);
                return;
            }
            catch (Exception e) when (e is StoreUnavailableException or StoreOpenException { MayPass: true })
            {
                if (TimeProvider.System.GetElapsedTime(started) >= options.DatabaseStartWait)
                    throw e is StoreOpenException ? e : new StoreOpenException($"The database cannot be used: {e.Message}", e);
                LogWaiting(logger, e.Message);
            }

            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => gate.Dispose();

    private async Task OpenOnceAsync(CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (isOpen)
                return;
            await PostgresMigration.RunAsync(options, logger, cancellationToken);
            await connections.UseAsync(
                async connection =>
                {
                    await CheckSettingsAsync(connection, cancellationToken);
                    await epoch.CatchUpAsync(connection, cancellationToken);
                    return true;
                },
                again: true,
                cancellationToken);
            await TryListenAsync(cancellationToken);
            isOpen = true;
        }
        catch (Exception e)
        {
            throw PostgresRefusals.Of(connections.Failed(e), nameof(options.Database), options.Database!);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>A process whose other login cannot listen would hear of nothing that others tell, and only be slow.</summary>
    private async Task TryListenAsync(CancellationToken cancellationToken)
    {
        if (options.DatabaseListen is not { } database)
            return;
        try
        {
            await using var connection = new NpgsqlConnection(PostgresBus.Listener(options));
            await connection.OpenAsync(cancellationToken);
        }
        catch (Exception e)
        {
            throw PostgresRefusals.Of(e, nameof(options.DatabaseListen), database);
        }
    }

    private async Task CheckSettingsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string Sql = "SELECT current_setting('synchronous_commit'), current_setting('lock_timeout'), current_setting('server_version_num')::int";
        await using var command = new NpgsqlCommand(Sql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        if (reader.GetString(0) == "off")
            throw new StoreOpenException("The database answers commits before they are on its disk (synchronous_commit is off); turn it on for this login.");
        if (reader.GetInt32(2) < 150_000)
            throw new StoreOpenException($"The database is PostgreSQL {reader.GetInt32(2) / 10_000}; 15 or later is needed.");
        // A pooler that swallowed the connection's options would leave turns waiting for locks without end.
        if (!options.DatabaseBehindPooler && reader.GetString(1) == "0")
            throw new StoreOpenException($"The connection's settings do not reach the database; behind a pooler set {nameof(options.DatabaseBehindPooler)}.");
    }
}
