using JitGrains.Gateway.Hosting;

return await GatewayHost.RunAsync(args);
