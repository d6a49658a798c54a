using JitGrains.Gateway.Network;
using JitGrains.Gateway.Quickstart;
using JitGrains.Gateway.Tls;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.DevIssuer;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Secrets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace JitGrains.Gateway.Hosting;

/// <summary>The host of one process: gateway, control plane (and the quickstart's upstream) as its role says, each on listeners of its own.</summary>
public static partial class GatewayHost
{
    /// <summary>The configuration section that holds all settings.</summary>
    public const string Section = "JitGrains";

    /// <summary>
    /// Runs until stopped, or what <c>migrate</c> has to do; the process' exit code. What keeps it from starting is told in plain lines,
    /// without a stack trace.
    /// </summary>
    /// <param name="args">The command line.</param>
    /// <param name="errors">Where those lines go; standard error where none is given.</param>
    /// <param name="output">Where it is told what was done; standard output where none is given.</param>
    public static async Task<int> RunAsync(string[] args, TextWriter? errors = null, TextWriter? output = null)
    {
        errors ??= Console.Error;
        if (args is ["--help" or "-h" or "-?"])
        {
            await Console.Out.WriteLineAsync(CommandLine.Help);
            return 0;
        }

        WebApplication? app = null;
        try
        {
            if (args is [MigrateCommand.Name, .. var further])
            {
                await MigrateCommand.RunAsync(further, output ?? Console.Out);
                return 0;
            }

            app = await BuildAsync(args, errors: errors);
            await StartAsync(app);
            await app.WaitForShutdownAsync();
            return 0;
        }
        catch (Exception e)
        {
            // Never unhandled: an abort with a dump says nothing to whoever reads the log of a container.
            foreach (var problem in ProblemsOf(e, app) ?? [$"The process failed, which is a bug: {e}"])
                await errors.WriteLineAsync(problem);
            return 1;
        }
        finally
        {
            if (app is not null)
                await app.DisposeAsync();
        }
    }

    /// <summary>Builds the host without starting it. With a database it connects to that: the cluster's keys are needed first.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="configure">Last changes, as tests make them.</param>
    /// <param name="errors">Where it says what it waits for; standard error where none is given.</param>
    /// <exception cref="StartupException">It cannot run as configured; every problem is listed.</exception>
    public static async Task<WebApplication> BuildAsync(string[] args, Action<WebApplicationBuilder>? configure = null, TextWriter? errors = null)
    {
        var settings = ReadSettings(args);
        return Build(settings, settings.Options.Database is null ? ProcessKeys.OfFolder(settings) : await ProcessKeys.OfClusterAsync(settings, errors ?? Console.Error), configure);
    }

    /// <summary>As <see cref="BuildAsync"/>, for a process that has its store to itself.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="configure">Last changes, as tests make them.</param>
    /// <param name="further">Settings by their names, <c>Proxies:0</c>, above those of the environment.</param>
    /// <exception cref="StartupException">It cannot run as configured; every problem is listed.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null, IReadOnlyDictionary<string, string>? further = null)
    {
        var settings = ReadSettings(args, further);
        return Build(settings, ProcessKeys.OfFolder(settings), configure);
    }

    /// <summary>Starts the host, and tells how to go on where it is a quickstart.</summary>
    public static async Task StartAsync(WebApplication app, CancellationToken cancellationToken = default)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            // What had started before the part that could not would otherwise go on writing after it was disposed of.
            try
            {
                await app.StopAsync(CancellationToken.None);
            }
            catch (Exception e)
            {
                // Why it did not start is what matters.
                LogNotStopped(app.Logger, e);
            }

            throw;
        }

        var options = app.Services.GetRequiredService<GatewayOptions>();
        LogRole(app.Logger, options.Role);
        if (app.Services.GetService<DevelopmentIssuer>() is not { } issuer)
            return;
        var listeners = app.Services.GetRequiredService<Listeners>();
        app.Services.GetRequiredService<TokenValidator>().Trust(issuer.ListenAt(options.QuickstartIssuer ?? listeners.Address(ListenerRole.ControlPlane)!));
        if (options.Role == ProcessRole.All)
            await Banner.Write(Console.Out, listeners);
    }

    private static Settings ReadSettings(string[] args, IReadOnlyDictionary<string, string>? further = null)
    {
        var problems = new List<string>();
        var builder = Settings.Sources(args, further, problems);
        var section = builder.Configuration.GetSection(Section);
        var options = GatewayOptions.Read(section, builder.Environment.IsDevelopment(), problems);
        if (options is { Quickstart: true, Policy: null } && options.Role.RunsSilo())
            options = options with { Policy = QuickstartDefaults.Policy() };
        var silo = SiloOptions.Read(section, problems) with { Policy = options.Policy ?? "", PolicyInStore = options.Database is not null, Role = options.Role };
        if (options.Quickstart)
            silo = QuickstartDefaults.Apply(silo);
        problems.AddRange(options.Problems());
        problems.AddRange(silo.Problems().Where(p => !p.StartsWith("Policy ", StringComparison.Ordinal) || options.Policy is not null));
        if (silo.Issuers.IsEmpty && silo.CertificateIssuers.IsEmpty && !options.Quickstart)
            problems.Add("Issuers: name at least one token issuer, or start with --quickstart.");
        if (section["Store"] is not null && options.Database is not null)
            problems.Add("Store, Database: name one of the two.");
        if (options.Database is not null)
            problems.AddRange(new GrainEngineOptions { Database = options.Database, DatabaseOwner = options.DatabaseOwner, DatabaseListen = options.DatabaseListen, DatabaseConnections = options.DatabaseConnections }.DatabaseProblems());
        problems.AddRange(Settings.EngineProblems(section, options));
        StartupException.ThrowIfAny(problems);
        return new Settings(builder, options, silo, InMemory: section["Store"] == "memory");
    }

    private static WebApplication Build(Settings settings, ProcessKeys keys, Action<WebApplicationBuilder>? configure)
    {
        var (builder, options, silo, _) = settings;
        if (keys.Issuer is { } issuer)
            silo = silo with { Issuers = silo.Issuers.Add(issuer) };
        var listeners = new Listeners();
        builder.Services.AddSingleton(listeners);
        builder.Services.AddSingleton(options);
        builder.Services.AddNetwork(options.Network);
        builder.Services.AddSingleton<TlsListeners>();
        builder.Services.AddHostedService(p => p.GetRequiredService<TlsListeners>());
        if (keys.Ring is { } ring)
            builder.Services.AddSilo(silo, ring, settings.UseStore, keys.DevIssuer);
        else
            builder.Services.AddShared(silo, keys.Gateway, settings.UseStore);
        if (options.Role.RunsGateway())
        {
            builder.Services.AddGateway(options, silo.PublicUrl);
            builder.Services.AddSingleton<GatewayPipeline>();
            builder.Services.AddSingleton<IConnectionListenerFactory, CallerTransport>();
        }

        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = options.StopWithin);
        var started = false;
        HostLogging.Configure(builder.Logging, () => started);
        builder.WebHost.ConfigureKestrel(kestrel => ListenerSetup.Listen(kestrel, listeners, options));
        configure?.Invoke(builder);

        var app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(() => started = true);
        ListenerSetup.Map(app, options);
        return app;
    }

    internal static IReadOnlyList<string>? ProblemsOf(Exception failure, WebApplication? app) => failure switch
    {
        StartupException e => e.Problems,
        StoreOpenException e => [e.Message],
        // Several parts may have failed at once, the one that stopped for the other's sake among them.
        AggregateException several => several.InnerExceptions.Select(e => ProblemsOf(e, app)).ToList() is var each && each.Contains(null) ? null : [.. each.SelectMany(p => p!).Distinct(StringComparer.Ordinal)],
        _ when StoreTrouble.IsPassing(failure) => [$"The store cannot be used: {failure.Message}"],
        OptionsValidationException e => [.. e.Failures],
        _ when app?.Services.GetRequiredService<Listeners>().DescribeTakenPort(failure) is { } taken => [taken],
        _ => null,
    };

    [LoggerMessage(3003, LogLevel.Warning, "What had started did not stop in order")]
    private static partial void LogNotStopped(ILogger logger, Exception exception);

    [LoggerMessage(3002, LogLevel.Information, "This process runs as {Role}")]
    private static partial void LogRole(ILogger logger, ProcessRole role);
}
