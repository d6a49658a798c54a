using System.Text;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Quickstart;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.DevIssuer;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Secrets;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace JitGrains.Gateway.Hosting;

/// <summary>The host: gateway and control plane (and the quickstart's upstream) in one process, each on listeners of its own.</summary>
public static class GatewayHost
{
    /// <summary>The configuration section that holds all settings.</summary>
    public const string Section = "JitGrains";

    /// <summary>Runs until stopped; the process' exit code. What keeps it from starting is told in plain lines, without a stack trace.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="errors">Where those lines go; standard error where none is given.</param>
    public static async Task<int> RunAsync(string[] args, TextWriter? errors = null)
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
            app = Build(args);
            await StartAsync(app);
            await app.WaitForShutdownAsync();
            return 0;
        }
        catch (Exception e) when (ProblemsOf(e, app) is { } problems)
        {
            foreach (var problem in problems)
                await errors.WriteLineAsync(problem);
            return 1;
        }
        finally
        {
            if (app is not null)
                await app.DisposeAsync();
        }
    }

    /// <summary>Builds the host without starting it.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="configure">Last changes, as tests make them.</param>
    /// <exception cref="StartupException">It cannot run as configured; every problem is listed.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var problems = new List<string>();
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddInMemoryCollection(CommandLine.Parse(args, problems));
        var section = builder.Configuration.GetSection(Section);
        var options = GatewayOptions.Read(section, builder.Environment.IsDevelopment(), problems);
        if (options is { Quickstart: true, Policy: null })
            options = options with { Policy = QuickstartDefaults.Policy() };
        var silo = SiloOptions.Read(section, problems) with { Policy = options.Policy ?? "" };
        if (options.Quickstart)
            silo = QuickstartDefaults.Apply(silo);
        problems.AddRange(options.Problems());
        problems.AddRange(silo.Problems().Where(p => !p.StartsWith("Policy", StringComparison.Ordinal) || options.Policy is not null));
        if (silo.Issuers.IsEmpty && !options.Quickstart)
            problems.Add("Issuers: name at least one token issuer, or start with --quickstart.");
        StartupException.ThrowIfAny(problems);

        var folder = DataFolder.Open(options.Data);
        var issuer = options.Quickstart ? DevelopmentIssuer.Open(folder) : null;
        var listeners = new Listeners();
        builder.Services.AddSingleton(listeners);
        builder.Services.AddSilo(silo, KeyRing.Open(folder), engine => Store(engine, section, folder), issuer);
        builder.Services.AddGateway(options, silo.PublicUrl);
        builder.Services.AddSingleton<GatewayPipeline>();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = options.StopWithin);
        var started = false;
        HostLogging.Configure(builder.Logging, () => started);
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, listeners, options));
        configure?.Invoke(builder);

        var app = builder.Build();
        app.Lifetime.ApplicationStarted.Register(() => started = true);
        Map(app, options);
        return app;
    }

    /// <summary>Starts the host, and tells how to go on where it is a quickstart.</summary>
    public static async Task StartAsync(WebApplication app, CancellationToken cancellationToken = default)
    {
        await app.StartAsync(cancellationToken);
        if (app.Services.GetService<DevelopmentIssuer>() is not { } issuer)
            return;
        var listeners = app.Services.GetRequiredService<Listeners>();
        app.Services.GetRequiredService<TokenValidator>().Trust(issuer.ListenAt(listeners.Address(ListenerRole.ControlPlane)!));
        await Banner.Write(Console.Out, listeners);
    }

    private static void Store(GrainEngineOptions engine, IConfiguration section, DataFolder folder)
    {
        if (section["Store"] == "memory")
            engine.UseMemory = true;
        else
            engine.DataFolder = folder.Path;
    }

    private static void Listen(KestrelServerOptions kestrel, Listeners listeners, GatewayOptions options)
    {
        kestrel.AddServerHeader = false;
        // Streams have no limit; whoever reads a body whole has one.
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxRequestHeadersTotalSize = 64 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 200;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        listeners.Add(kestrel, ListenerRole.Gateway, "--port", options.Address, options.Port, HttpProtocols.Http1);
        if (options.Http2Port is { } http2)
            listeners.Add(kestrel, ListenerRole.Gateway, "--http2-port", options.Address, http2, HttpProtocols.Http2);
        listeners.Add(kestrel, ListenerRole.ControlPlane, "--control-port", options.ControlAddress, options.ControlPort, HttpProtocols.Http1);
        if (options.Quickstart)
            listeners.Add(kestrel, ListenerRole.SampleUpstream, "--sample-port", System.Net.IPAddress.Loopback, options.SamplePort, HttpProtocols.Http1);
    }

    /// <summary>One pipeline for each role; a connection without a role is answered by none.</summary>
    private static void Map(WebApplication app, GatewayOptions options)
    {
        var gateway = app.Services.GetRequiredService<GatewayPipeline>();
        app.Use((context, next) => Role(context) == ListenerRole.Gateway ? gateway.Invoke(context) : next(context));
        app.MapWhen(c => Role(c) == ListenerRole.ControlPlane, branch => branch.UseSilo());
        if (options.Quickstart)
        {
            app.MapWhen(c => Role(c) == ListenerRole.SampleUpstream, branch =>
            {
                branch.UseRouting();
                branch.UseEndpoints(new SampleOrders().Map);
            });
        }

        // YARP loads its clusters when its route table, which stays empty, is mapped: in a branch that nothing reaches.
        app.MapWhen(static _ => false, branch =>
        {
            branch.UseRouting();
            branch.UseEndpoints(static e => e.MapReverseProxy());
        });
    }

    private static ListenerRole? Role(HttpContext context) => context.Features.Get<ListenerRoleFeature>()?.Role;

    private static IReadOnlyList<string>? ProblemsOf(Exception failure, WebApplication? app) => failure switch
    {
        StartupException e => e.Problems,
        StoreOpenException e => [e.Message],
        OptionsValidationException e => [.. e.Failures],
        _ when app?.Services.GetRequiredService<Listeners>().DescribeTakenPort(failure) is { } taken => [taken],
        _ => null,
    };
}
